//! A script as a whole: which connection gets which steps, and the server's own settings. Reads it from JSON, all faults at once. Knows nothing of sockets.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{ErrorKind, TestError};
use super::fields::Fields;
use super::steps::{Place, Step};
use super::tls::TlsSettings;

/// Steps with the paths by which the script names them.
pub(super) type Steps = Arc<[(String, Step)]>;

/// The server's settings and steps.
pub(super) struct Script {
    pub(super) tls: Option<TlsSettings>,
    pub(super) receive_buffer: Option<usize>,
    pub(super) unanswered: bool,
    connections: Vec<Steps>,
    cycle: bool,
}

impl Script {
    /// Reads a script: null (an echo server), a list of steps (for every connection), a list of such lists (one for each), or an object.
    pub(super) fn parse(value: &Value) -> Result<Self, TestError> {
        let mut faults = Vec::new();
        let script = match value {
            Value::Null => Self::with(Self::parse_connections("", &json!([{"do": "accept"}, {"do": "echo"}]), &mut faults)),
            Value::Object(_) => Self::parse_object(value, &mut faults),
            _ => Self::with(Self::parse_connections("", value, &mut faults)),
        };
        if faults.is_empty() {
            Ok(script)
        } else {
            Err(TestError::new(ErrorKind::Script, format!("the script has faults: {}", faults.join("; "))))
        }
    }

    fn with(connections: Vec<Steps>) -> Self {
        Self { tls: None, receive_buffer: None, unanswered: false, connections, cycle: false }
    }

    fn parse_object(value: &Value, faults: &mut Vec<String>) -> Self {
        let mut inner = Vec::new();
        let mut fields = Fields::of("script".to_owned(), value, faults);
        let tls = match fields.value("tls") {
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(TlsSettings::default()),
            Some(settings) => Some(TlsSettings::parse(settings, &mut inner)),
        };
        let receive_buffer = fields.whole("receive_buffer", 1, 1 << 30).map(|bytes| bytes as usize);
        let unanswered = fields.flag("unanswered", false);
        let cycle = match fields.text("then") {
            None | Some("repeat") => false,
            Some("cycle") => true,
            Some(other) => {
                fields.fault("then", &other.into(), "repeat (the last list for every further connection) or cycle");
                false
            }
        };
        let connections = match fields.value("connections") {
            Some(list) => Self::parse_connections("connections", list, &mut inner),
            None => Self::parse_connections("", &json!([{"do": "accept"}, {"do": "echo"}]), &mut inner),
        };
        fields.finish();
        faults.extend(inner);
        Self { tls, receive_buffer, unanswered, connections, cycle }
    }

    fn parse_connections(path: &str, value: &Value, faults: &mut Vec<String>) -> Vec<Steps> {
        match value.as_array() {
            Some(items) if items.iter().any(Value::is_array) => {
                items.iter().enumerate().map(|(i, steps)| Self::parse_steps(&format!("{path}[{i}]"), steps, faults)).collect()
            }
            _ => vec![Self::parse_steps(path, value, faults)],
        }
    }

    fn parse_steps(path: &str, value: &Value, faults: &mut Vec<String>) -> Steps {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            faults.push(format!("{}: {value} is not a list of steps", if path.is_empty() { "script" } else { path }));
            return Arc::new([]);
        };
        let mut place = Place::Fresh;
        let steps = items.iter().enumerate().filter_map(|(i, step)| {
            let path = format!("{path}[{i}]");
            Some((path.clone(), Step::parse(path, step, i == 0, &mut place, faults)?))
        });
        steps.collect()
    }

    /// The steps of the n-th connection.
    pub(super) fn steps_of(&self, connection: usize) -> Steps {
        let lists = self.connections.len();
        let which = if self.cycle { connection % lists } else { connection.min(lists - 1) };
        self.connections[which].clone()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::Script;
    use crate::testing::ErrorKind;
    use serde_json::{Value, json};

    fn faults(script: &Value) -> String {
        let error = Script::parse(script).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Script);
        error.message
    }

    #[test]
    fn faults_are_reported_together_with_path_value_and_what_is_allowed() {
        let words =
            faults(&json!([[{"do": "acept"}], [{"do": "accept", "protokol": "x"}, {"do": "close", "code": "1000"}, {"do": "send"}]]));
        for part in [
            r#"[0][0].do: "acept" is not one of plain, tls, read, tunnel, request, accept"#,
            "[1][0].protokol: unknown; allowed are do, protocol",
            r#"[1][1].code: "1000" is not a whole number from 0 to 65535"#,
            "[1][2]: needs exactly one of text, binary (hex), json, size",
        ] {
            assert!(words.contains(part), "{part} is not in: {words}");
        }
    }

    #[test]
    fn steps_stand_where_they_make_sense() {
        assert!(faults(&json!([{"do": "send", "text": "x"}])).contains("[0]: send needs an open connection"));
        assert!(faults(&json!([{"do": "accept"}, {"do": "refuse"}])).contains("[1]: refuse comes too late"));
        assert!(faults(&json!([{"do": "accept"}, {"do": "tls"}])).contains("[1]: tls comes too late"));
        assert!(faults(&json!([{"do": "read", "bytes": 1, "hex": "00"}])).contains("[0]: needs exactly one of bytes, hex and text"));
        assert!(faults(&json!([{"do": "reset"}, {"do": "stall"}])).contains("[1]: no step may follow"));
        assert!(
            faults(&json!({"connections": [{"do": "stall"}, {"do": "plain"}], "tls": {"names": 1}, "then": "stop"}))
                .contains("must be the first")
        );
    }

    #[test]
    fn what_cannot_be_together_is_refused() {
        for write in [
            json!({"cut": 1, "coalesce": true}),
            json!({"cut": 1, "split": 2}),
            json!({"cut": 1, "pause": 0.1}),
            json!({"coalesce": true, "split": 2}),
            json!({"coalesce": true, "pause": 0.1}),
        ] {
            let mut step = write;
            step["do"] = "accept".into();
            assert!(faults(&json!([step])).contains("[0]: only one of coalesce, cut, and split or pause"), "{step}");
        }
        Script::parse(&json!([{"do": "accept", "split": 2, "pause": 0.1}])).unwrap();
        assert!(faults(&json!([{"do": "end", "notify": false, "fin": false}])).contains("[0]: notify and fin are both false"));
        assert!(faults(&json!([{"do": "accept"}, {"do": "send", "binary": "00", "numbered": true}])).contains("numbered needs a text"));
    }

    #[test]
    fn a_step_sends_so_much_and_no_more() {
        let over = |send: Value| faults(&json!([{"do": "accept"}, send])).contains("are over 1 GiB");
        assert!(over(json!({"do": "send", "size": 1025, "count": 1 << 20})));
        assert!(over(json!({"do": "send", "text": "x", "count": 10_000_000, "fragments": 1_000_000})));
        Script::parse(&json!([{"do": "accept"}, {"do": "send", "size": 1024, "count": 1 << 20}])).unwrap();
        Script::parse(&json!([{"do": "accept"}, {"do": "send", "text": "x", "count": 10_000_000}])).unwrap();
    }

    #[test]
    fn nonsense_is_named() {
        assert!(faults(&json!(3)).contains("script: 3 is not a list of steps"));
        assert!(faults(&json!([])).contains("script: [] is not a list of steps"));
        assert!(faults(&json!({"conections": []})).contains("script.conections: unknown"));
        assert!(faults(&json!([{"do": "raw", "hex": "0"}])).contains("pairs of hexadecimal digits"));
        assert!(faults(&json!([{"do": "accept", "headers": {"a": 1}}])).contains("an object of texts"));
    }

    #[test]
    fn connections_get_their_lists_in_turn() {
        let lists = json!([[{"do": "reset"}], [{"do": "stall"}, {"do": "end"}]]);
        let script = Script::parse(&lists).unwrap();
        assert_eq!([0, 1, 2, 9].map(|n| script.steps_of(n).len()), [1, 2, 2, 2]);
        let script = Script::parse(&json!({"connections": lists, "then": "cycle"})).unwrap();
        assert_eq!([0, 1, 2, 9].map(|n| script.steps_of(n).len()), [1, 2, 1, 2]);
    }
}
