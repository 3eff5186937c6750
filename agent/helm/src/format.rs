//! Values as text, as Go's package fmt prints them.

pub(crate) mod float;
mod printer;
pub(crate) mod quote;

use crate::fault::Fault;
use crate::format::printer::Printer;
use crate::value::Value;

/// The most bytes one value may print to: far above etcd's 1.5 MiB for a whole object, and low enough that
/// a value holding itself ends soon.
pub(crate) const MAX_TEXT: usize = 64 << 20;

/// What follows a `%`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    plus: bool,
    /// `%+v`, which shows the names of fields and signs no number.
    plus_value: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprint`: blanks only between operands that are no strings.
///
/// # Errors
/// The text is too long.
pub(crate) fn print(values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::default();
    let mut after_text = true;
    for (index, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if index > 0 && !is_text && !after_text {
            printer.out.push(b' ');
        }
        printer.argument(value, 'v', Flags::default());
        after_text = is_text;
    }
    printer.finish()
}

/// `fmt.Sprintln`: blanks between operands, a line's end at the end.
///
/// # Errors
/// The text is too long.
pub(crate) fn println(values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut printer = Printer::default();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.out.push(b' ');
        }
        printer.argument(value, 'v', Flags::default());
    }
    printer.out.push(b'\n');
    printer.finish()
}

/// `fmt.Sprintf("%v", value)`.
///
/// # Errors
/// The text is too long.
pub(crate) fn display(value: &Value) -> Result<Vec<u8>, Fault> {
    print(std::slice::from_ref(value))
}

/// `fmt.Sprintf`.
///
/// # Errors
/// The text is too long.
pub(crate) fn printf(format: &[u8], values: &[Value]) -> Result<Vec<u8>, Fault> {
    let mut directives = Directives {
        format,
        position: 0,
        values,
        next: 0,
        reordered: false,
        good_index: true,
        printer: Printer::default(),
    };
    directives.run();
    directives.extra();
    directives.printer.finish()
}

/// A width or precision above this is an error in Go.
const MAX_WIDTH: usize = 1_000_000;

struct Directives<'a> {
    format: &'a [u8],
    position: usize,
    values: &'a [Value],
    next: usize,
    reordered: bool,
    good_index: bool,
    printer: Printer,
}

// === impl Directives ===

impl Directives<'_> {
    fn run(&mut self) {
        while let Some(rest) = self.format.get(self.position..) {
            let Some(offset) = rest.iter().position(|byte| *byte == b'%') else {
                self.printer.out.extend_from_slice(rest);
                break;
            };
            let literal = rest.get(..offset).unwrap_or_default();
            self.printer.out.extend_from_slice(literal);
            self.position += offset + 1;
            self.directive();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.position).copied()
    }

    fn directive(&mut self) {
        let mut flags = self.flags();
        self.good_index = true;
        let mut after_index = self.index();
        if self.peek() == Some(b'*') {
            self.position += 1;
            self.star_width(&mut flags);
            after_index = false;
        } else {
            flags.width = self.digits();
            if after_index && flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.peek() == Some(b'*') {
                self.position += 1;
                self.star_precision(&mut flags);
                after_index = false;
            } else {
                flags.precision = Some(self.digits().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        let Some(verb) = self.verb() else {
            self.printer.out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        self.print(verb, flags);
    }

    fn print(&mut self, verb: char, flags: Flags) {
        if verb == '%' {
            self.printer.out.push(b'%');
        } else if !self.good_index {
            self.note(verb, "(BADINDEX)");
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            self.printer.argument(value, verb, flags);
        } else {
            self.note(verb, "(MISSING)");
        }
    }

    fn note(&mut self, verb: char, text: &str) {
        self.printer.write("%!");
        self.printer.write(&verb.to_string());
        self.printer.write(text);
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.position += 1;
        }
        flags
    }

    fn digits(&mut self) -> Option<usize> {
        let mut value = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let sum = value.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if sum > MAX_WIDTH {
                return None;
            }
            value = Some(sum);
            self.position += 1;
        }
        value
    }

    /// Reads `[n]`; true when there was one.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = self.format.get(self.position + 1..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            self.good_index = false;
            self.position += 1;
            return false;
        };
        let digits = rest.get(..end).unwrap_or_default();
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse::<usize>().ok());
        self.position += end + 2;
        match number {
            Some(number) if number >= 1 && number <= self.values.len() => {
                self.next = number - 1;
                true
            }
            _ => {
                self.good_index = false;
                true
            }
        }
    }

    fn star(&mut self) -> Option<i64> {
        let value = self.values.get(self.next);
        self.next += 1;
        match value {
            Some(Value::Int(value, _)) if value.unsigned_abs() <= MAX_WIDTH as u64 => Some(*value),
            _ => None,
        }
    }

    fn star_width(&mut self, flags: &mut Flags) {
        match self.star() {
            Some(width) => {
                if width < 0 {
                    flags.minus = true;
                    flags.zero = false;
                }
                flags.width = usize::try_from(width.unsigned_abs()).ok();
            }
            None => self.printer.write("%!(BADWIDTH)"),
        }
    }

    fn star_precision(&mut self, flags: &mut Flags) {
        match self.star() {
            Some(precision) => flags.precision = usize::try_from(precision).ok(),
            None => self.printer.write("%!(BADPREC)"),
        }
    }

    fn verb(&mut self) -> Option<char> {
        let rest = self.format.get(self.position..)?;
        let first = *rest.first()?;
        let length = match first {
            0xf0.. => 4,
            0xe0.. => 3,
            0xc0.. => 2,
            _ => 1,
        };
        let verb = rest
            .get(..length)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| text.chars().next());
        match verb {
            Some(verb) => {
                self.position += length;
                Some(verb)
            }
            None => {
                self.position += 1;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    fn extra(&mut self) {
        if self.reordered || self.next >= self.values.len() {
            return;
        }
        self.printer.write("%!(EXTRA ");
        let rest = self.values.get(self.next..).unwrap_or_default();
        for (index, value) in rest.iter().enumerate() {
            if index > 0 {
                self.printer.write(", ");
            }
            if value.is_nothing() {
                self.printer.write("<nil>");
            } else {
                self.printer.write(value.type_name());
                self.printer.out.push(b'=');
                self.printer.argument(value, 'v', Flags::default());
            }
        }
        self.printer.out.push(b')');
    }
}
