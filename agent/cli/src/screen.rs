//! Where commands print: results to one stream, progress in Flux's signs to the other; and where they ask.

use std::io::{self, BufRead, Write};

/// The two streams.
pub(crate) struct Screen<'a> {
    results: &'a mut dyn Write,
    progress: &'a mut dyn Write,
    eyes: Eyes,
    /// Where answers come from; none when nobody is there to give them.
    answers: Option<Box<dyn BufRead>>,
}

/// Longest answer that is read: a path.
const LONGEST_ANSWER: u64 = 4096;

/// Who reads the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// A program, or a test: tables are byte for byte Flux's.
    Program,
    /// A person at a terminal, where the padding after one long message would wrap every row.
    Person,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(
        results: &'a mut dyn Write,
        progress: &'a mut dyn Write,
        eyes: Eyes,
    ) -> Screen<'a> {
        Screen {
            results,
            progress,
            eyes,
            answers: None,
        }
    }

    /// With a person who can be asked.
    pub(crate) fn with_answers(self, answers: Option<Box<dyn BufRead>>) -> Screen<'a> {
        Screen { answers, ..self }
    }

    /// Asks nobody from now on.
    pub(crate) fn ask_nobody(&mut self) {
        self.answers = None;
    }

    /// Asks a question and gives the answer: the default for Enter, and where nobody can be asked.
    pub(crate) fn ask(&mut self, question: &str, default: &str) -> io::Result<String> {
        let answer = self.answer(&format!("{question} [{default}]"))?;
        Ok(answer
            .filter(|answer| !answer.is_empty())
            .unwrap_or_else(|| default.to_owned()))
    }

    /// Asks whether to go on; none where nobody can be asked. Enter is no.
    pub(crate) fn confirm(&mut self, question: &str) -> io::Result<Option<bool>> {
        let answer = self.answer(&format!("{question} [y/N]"))?;
        let agrees = |answer: &str| ["y", "yes"].contains(&answer.to_ascii_lowercase().as_str());
        Ok(answer.map(|answer| agrees(&answer)))
    }

    fn answer(&mut self, question: &str) -> io::Result<Option<String>> {
        let Some(answers) = &mut self.answers else {
            return Ok(None);
        };
        write!(self.progress, "? {} ", printable(question))?;
        self.progress.flush()?;
        let mut line = String::new();
        let longest = io::Read::take(&mut **answers, LONGEST_ANSWER).read_line(&mut line)?;
        if longest == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(line.trim().to_owned()))
    }

    /// Prints a result; the text brings its own line ends.
    pub(crate) fn print(&mut self, text: &str) -> io::Result<()> {
        let text = match self.eyes {
            Eyes::Program => printable(text),
            Eyes::Person => without_padding(&printable(text)),
        };
        self.results.write_all(text.as_bytes())?;
        self.results.flush()
    }

    /// Prints YAML as it is, for other programs: what a terminal would act on is escaped in it.
    pub(crate) fn print_yaml(&mut self, text: &str) -> io::Result<()> {
        self.results.write_all(text.as_bytes())?;
        self.results.flush()
    }

    /// Something is done now.
    pub(crate) fn action(&mut self, text: &str) -> io::Result<()> {
        self.line("►", text)
    }

    /// Something is waited for.
    pub(crate) fn waiting(&mut self, text: &str) -> io::Result<()> {
        self.line("◎", text)
    }

    /// Something went well.
    pub(crate) fn success(&mut self, text: &str) -> io::Result<()> {
        self.line("✔", text)
    }

    /// Something went wrong.
    pub(crate) fn failure(&mut self, text: &str) -> io::Result<()> {
        self.line("✗", text)
    }

    /// Something is to be known.
    pub(crate) fn warning(&mut self, text: &str) -> io::Result<()> {
        self.line("⚠️", text)
    }

    fn line(&mut self, sign: &str, text: &str) -> io::Result<()> {
        writeln!(self.progress, "{sign} {}", printable(text))
    }
}

/// Texts come from the cluster, where others write: control characters must not reach a terminal.
fn printable(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character,
        control if control.is_control() => '\u{fffd}',
        other => other,
    };
    text.chars().map(shown).collect()
}

/// The text without blanks at the ends of its lines.
fn without_padding(text: &str) -> String {
    let trimmed = |line: &str| {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        format!("{}{end}", line.trim_end())
    };
    text.split_inclusive('\n').map(trimmed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_sees_no_padding() {
        let shown = |eyes: Eyes| {
            let (mut results, mut progress) = (Vec::new(), Vec::new());
            let mut screen = Screen::new(&mut results, &mut progress, eyes);
            screen
                .print("NAME\tMESSAGE  \n\na   \tb       \t\n")
                .unwrap();
            String::from_utf8(results).unwrap()
        };
        assert_eq!(
            shown(Eyes::Program),
            "NAME\tMESSAGE  \n\na   \tb       \t\n"
        );
        assert_eq!(shown(Eyes::Person), "NAME\tMESSAGE\n\na   \tb\n");
    }

    #[test]
    fn enter_takes_the_default_and_agrees_to_nothing() {
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let input = io::Cursor::new(b"\nother\n\nYes\n".to_vec());
        let mut screen = Screen::new(&mut results, &mut progress, Eyes::Person)
            .with_answers(Some(Box::new(input)));
        assert_eq!(screen.ask("Which?", "this").unwrap(), "this");
        assert_eq!(screen.ask("Which?", "this").unwrap(), "other");
        assert_eq!(screen.confirm("Go on?").unwrap(), Some(false));
        assert_eq!(screen.confirm("Go on?").unwrap(), Some(true));
        assert!(screen.ask("Which?", "this").is_err(), "the input ended");
        screen.ask_nobody();
        assert_eq!(screen.ask("Which?", "this").unwrap(), "this");
        assert_eq!(screen.confirm("Go on?").unwrap(), None);
        assert!(
            String::from_utf8(progress)
                .unwrap()
                .starts_with("? Which? [this] ")
        );
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut results, &mut progress, Eyes::Program);
        screen.print("a\u{1b}[2Jb\tc\n").unwrap();
        screen.failure("x\u{7}y").unwrap();
        assert_eq!(String::from_utf8(results).unwrap(), "a\u{fffd}[2Jb\tc\n");
        assert_eq!(String::from_utf8(progress).unwrap(), "✗ x\u{fffd}y\n");
    }
}
