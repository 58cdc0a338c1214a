//! How the languages of the bindings spell options: names, units, words, types. The one module of the core that knows a language by its name.

use std::borrow::Cow;

use serde_json::Value;

/// A host language's spelling of options: names, and the unit of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `snake_case`, times in seconds.
    Python,
    /// `camelCase`, times in milliseconds.
    JavaScript,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 2] = [Self::Python, Self::JavaScript];
    /// The dialect of Rust: its names are those of Python.
    pub const RUST: Self = Self::Python;
    /// The dialect with microtasks and `AbortSignal`, as browsers have them.
    pub const BROWSERS: Self = Self::JavaScript;

    /// The spelling of an option's name or path, given in `snake_case`.
    pub fn name(self, snake: &str) -> String {
        self.spell(snake).into_owned()
    }

    /// The same; most need no other letters.
    pub(super) fn spell(self, snake: &str) -> Cow<'_, str> {
        if self == Self::Python || !snake.contains('_') {
            return Cow::Borrowed(snake);
        }
        let mut camel = String::with_capacity(snake.len());
        let mut upper = false;
        for letter in snake.chars() {
            if letter == '_' {
                upper = true;
            } else if std::mem::take(&mut upper) {
                camel.extend(letter.to_uppercase());
            } else {
                camel.push(letter);
            }
        }
        Cow::Owned(camel)
    }

    /// How to set the handler of an event.
    pub(super) fn handler(self, event: &str) -> String {
        match self {
            Self::Python => format!("ws.on_{event} = f, or @ws.on(\"{event}\")"),
            Self::JavaScript => format!("ws.on{event} = f, or ws.on('{event}', f)"),
        }
    }

    /// The word for "no value".
    pub fn none(self) -> &'static str {
        match self {
            Self::Python => "None",
            Self::JavaScript => "null",
        }
    }

    /// A boolean.
    pub fn bool(self, value: bool) -> &'static str {
        match (self, value) {
            (Self::Python, true) => "True",
            (Self::Python, false) => "False",
            (Self::JavaScript, true) => "true",
            (Self::JavaScript, false) => "false",
        }
    }

    /// The unit of times, in words.
    pub fn time_unit(self) -> &'static str {
        match self {
            Self::Python => "seconds",
            Self::JavaScript => "milliseconds",
        }
    }

    /// Whether times are seconds.
    pub(super) fn counts_seconds(self) -> bool {
        self == Self::Python
    }

    /// How many units of times a second has.
    pub(crate) fn units_per_second(self) -> f64 {
        match self {
            Self::Python => 1.0,
            Self::JavaScript => 1000.0,
        }
    }

    /// The type of a text that is one of these literals.
    pub(super) fn one_of(self, literals: &[String]) -> String {
        match self {
            Self::Python => format!("Literal[{}]", literals.join(", ")),
            Self::JavaScript => literals.join(" | "),
        }
    }

    /// The dialects that an option has which belongs to `only`, or to all.
    pub(super) fn all_or(only: Option<Self>) -> &'static [Self] {
        match only {
            None => &Self::ALL,
            Some(Self::Python) => &[Self::Python],
            Some(Self::JavaScript) => &[Self::JavaScript],
        }
    }

    /// A value as a message shows it: scalars as they are, long text shortened, other values by their kind.
    pub(super) fn value(self, value: &Value) -> String {
        const LONGEST: usize = 60;
        match value {
            Value::Null => self.none().to_owned(),
            Value::Bool(value) => self.bool(*value).to_owned(),
            Value::Number(number) => number.to_string(),
            Value::String(text) if text.chars().nth(LONGEST).is_some() => {
                format!("{:?} and so on", text.chars().take(LONGEST).collect::<String>())
            }
            Value::String(text) => format!("{text:?}"),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) if marked(value, FUNCTION).is_some() => "a function".to_owned(),
            Value::Object(_) if marked(value, BYTES).is_some() => "bytes".to_owned(),
            Value::Object(_) => match (marked(value, OTHER), self) {
                (Some(Value::String(words)), _) => words.chars().take(LONGEST).collect(),
                (_, Self::Python) => "a dict".to_owned(),
                (_, Self::JavaScript) => "an object".to_owned(),
            },
        }
    }
}

/// How a face sends a function of the user: `{"$function": true}`.
pub const FUNCTION: &str = "$function";
/// How a face sends bytes: `{"$bytes": "<base64>"}`.
pub const BYTES: &str = "$bytes";
/// How a binding sends a value that JSON lacks (NaN, a date, an instance of some class): `{"$other": "<what it is>"}`. No option accepts it; the
/// words go into the message.
pub const OTHER: &str = "$other";

/// The content of an object that is nothing but `{mark: content}`.
pub(super) fn marked<'a>(value: &'a Value, mark: &str) -> Option<&'a Value> {
    value.as_object().filter(|members| members.len() == 1).and_then(|members| members.get(mark))
}

/// The text for the language.
pub(super) fn either(dialect: Dialect, python: &str, javascript: &str) -> String {
    match dialect {
        Dialect::Python => python.to_owned(),
        Dialect::JavaScript => javascript.to_owned(),
    }
}
