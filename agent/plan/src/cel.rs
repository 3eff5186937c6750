//! CEL expressions in Flux's objects, with the libraries that Flux offers them (fluxcd/pkg `runtime/cel`): strings,
//! sets, encoders, optional values, comparisons across number types.

mod sets;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, Program, Value, extensions};
use serde_json::Value as Json;

/// Longest expression. Health checks have a few hundred bytes.
const TEXT_BYTES: usize = 4096;
/// Deepest nesting of brackets, and most operators: the parser needs up to 150 KB of stack for a level of brackets
/// (measured unoptimised), so these two and [`STACK_BYTES`] belong together.
const NESTED: usize = 64;
const OPERATORS: usize = 500;
/// Stack for parsing and evaluating; only what is used of it costs memory.
const STACK_BYTES: usize = 64 << 20;

/// An expression that was read.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    program: Arc<Program>,
}

/// Why an expression cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to parse the CEL expression '{text}': {reason}")]
pub struct InvalidExpression {
    text: String,
    reason: String,
}

/// Why an expression has no answer for this object, such as a field that is not there.
#[derive(Debug, thiserror::Error)]
#[error("failed to evaluate the CEL expression '{text}': {reason}")]
pub struct EvaluationError {
    text: String,
    reason: String,
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    for extension in [extensions::strings, extensions::encoders, sets::extension] {
        // That they fit together is known: the tests call functions of each.
        let added = environment.add_extension(extension);
        debug_assert!(added.is_ok(), "{added:?}");
    }
    Arc::new(environment)
});

// === impl Expression ===

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is no CEL, or larger or deeper than is allowed here.
    pub fn compile(text: &str) -> Result<Self, InvalidExpression> {
        let invalid = |reason: String| InvalidExpression {
            text: text.chars().take(TEXT_BYTES).collect(),
            reason,
        };
        within_bounds(text).map_err(invalid)?;
        let program = stacker::grow(STACK_BYTES, || ENVIRONMENT.compile(text));
        let program = program.map_err(|error| invalid(one_line(&error.to_string())))?;
        Ok(Self {
            text: text.to_owned(),
            program: Arc::new(program),
        })
    }

    /// Says whether the expression holds, with each of `variables` bound to a value.
    ///
    /// # Errors
    /// A field or function it uses is not there, types do not fit, or the answer is neither true nor false.
    pub fn holds<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a str, &'a Json)>,
    ) -> Result<bool, EvaluationError> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in variables {
            context.add_variable_from_value(name, value_of(value));
        }
        let failed = |reason: String| EvaluationError {
            text: self.text.clone(),
            reason,
        };
        match stacker::grow(STACK_BYTES, || self.program.execute(&context)) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(_) => Err(failed("its result is not a boolean".to_owned())),
            Err(error) => Err(failed(one_line(&error.to_string()))),
        }
    }
}

fn within_bounds(text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES {
        return Err(format!("it is longer than {TEXT_BYTES} bytes"));
    }
    let (mut depth, mut deepest, mut operators) = (0_usize, 0, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        operators += usize::from(b"([{!?:.+-*/%<>=&|".contains(&byte));
    }
    if deepest > NESTED {
        return Err(format!("its brackets are nested deeper than {NESTED}"));
    }
    if operators > OPERATORS {
        return Err(format!("it has more than {OPERATORS} operators"));
    }
    Ok(())
}

/// A whole number is CEL's `int`, as Go reads it; the crate's own conversion would make it a `uint`.
fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(uint)) => Value::UInt(uint),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(value_of).collect())),
        Json::Object(fields) => {
            let entries = fields
                .iter()
                .map(|(name, value)| (Key::String(Arc::new(name.clone())), value_of(value)));
            let map = Arc::new(entries.collect::<HashMap<_, _>>());
            Value::Map(Map { map })
        }
    }
}

/// The crate draws the place under the expression; a condition has one line.
fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(text: &str) -> Result<bool, String> {
        let status = json!({
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "False"}],
            "replicas": 3, "ratio": 0.5, "phase": "Running",
        });
        let expression = Expression::compile(text).map_err(|error| error.to_string())?;
        expression
            .holds([("status", &status)])
            .map_err(|error| error.to_string())
    }

    #[test]
    fn expressions_of_real_health_checks_hold_or_not() {
        let cases = [
            (
                "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
                true,
            ),
            (
                "status.conditions.exists(e, e.type == 'Synced' && e.status == 'True')",
                false,
            ),
            (
                "has(status.phase) && status.phase in ['Running', 'Ready']",
                true,
            ),
            ("has(status.missing) ? status.missing : false", false),
            ("status.?missing.orValue('none') == 'none'", true),
            ("status.replicas - 1 == 2", true),
            ("status.replicas >= 2.5 && status.ratio < 1", true),
            ("status.phase.lowerAscii().startsWith('run')", true),
            ("size(status.conditions) == 2", true),
            ("sets.contains(['Running', 'Ready'], [status.phase])", true),
            ("sets.contains([1, 2], [2, status.replicas])", false),
            ("sets.contains([], [])", true),
            ("sets.equivalent([1, 3, 3], [status.replicas, 1])", true),
            ("sets.equivalent([1, 3], [3])", false),
            ("sets.intersects([1, 3], [2, 3])", true),
            ("sets.intersects([], [1])", false),
            // As cel-go has it: numbers of any type are equal when their values are.
            (
                "sets.contains([3u, 0.5], [status.replicas, status.ratio])",
                true,
            ),
            ("sets.equivalent([status.replicas], [3.0])", true),
            ("sets.intersects([[1]], [[1.0]])", true),
            ("sets.contains([1.5], [1])", false),
            (
                "timestamp('2026-01-01T00:00:00Z') > timestamp('2025-01-01T00:00:00Z')",
                true,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(says(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_an_error_that_names_the_expression() {
        for text in [
            "status.missing == 'x'",
            "nothing.at.all",
            "status.phase",
            "status.phase.no()",
            "sets.contains(status.phase, ['x'])",
        ] {
            let error = says(text).expect_err(text);
            assert!(
                error.starts_with("failed to evaluate") && error.contains(text),
                "{error}"
            );
        }
        let error = says("status.phase ==").expect_err("no CEL");
        assert!(
            error.starts_with("failed to parse") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn hostile_expressions_are_refused_and_never_overflow_the_stack() {
        let deep = [("(", ")"), ("[", "]"), ("{1:", "}"), ("[1].all(x, ", ")")];
        for (open, close) in deep {
            let nested = |levels| format!("{}true{}", open.repeat(levels), close.repeat(levels));
            assert!(says(&nested(NESTED + 1)).is_err_and(|error| error.contains("nested deeper")));
            let _ = says(&nested(NESTED));
        }
        for chain in ["1 + ", "true == ", "!", "-", "true && ", "status[0]."] {
            let _ = says(&format!("{}1", chain.repeat(OPERATORS / chain.len())));
            assert!(says(&format!("{}1", chain.repeat(OPERATORS + 1))).is_err());
        }
        assert!(says(&"a".repeat(TEXT_BYTES + 1)).is_err_and(|error| error.contains("longer")));
    }
}
