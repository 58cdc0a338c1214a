//! The macro that turns the definition of the options into structs, builders, defaults, reading, checking and the table of the reference.
//! Knows no option.

/// Defines a record of options with a builder method for each. Each line is a doc comment, `name: type = default => kind`; the kind (`kind.rs`)
/// reads, checks and describes the values. `elsewhere` holds options without a field: functions of the user, and values that a binding keeps.
macro_rules! options {
    (
        $(#[doc = $about:literal])+
        pub struct $record:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr => $kind:expr,)+
        }
        $(elsewhere {
            $($(#[doc = $other_doc:literal])+ $other:ident => $other_kind:expr,)+
        })?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $record { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl Default for $record {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $record {
            $($(#[doc = $doc])+
            #[must_use]
            pub fn $field(mut self, value: impl IntoSetting<$type>) -> Self {
                self.$field = value.into_setting();
                self
            })+
        }

        impl std::fmt::Debug for $record {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut record = f.debug_struct(stringify!($record));
                $(
                    if is_secret(&$kind, &self.$field) {
                        record.field(stringify!($field), &format_args!("(hidden)"));
                    } else {
                        record.field(stringify!($field), &self.$field);
                    }
                )+
                record.finish()
            }
        }

        impl Record for $record {
            const NAME: &'static str = stringify!($record);
            const ABOUT: &'static str = concat!($($about),+);

            fn read(members: &mut Members<'_>) -> Self {
                let record = Self {
                    $($field: members.read(stringify!($field), &$kind).unwrap_or_else(|| $default),)+
                };
                $($(members.read(stringify!($other), &$other_kind);)+)?
                record
            }

            fn check(&self, report: &mut Report) {
                $(report.within(stringify!($field), |report| $kind.check(report, &self.$field));)+
            }

            fn show(&self, dialect: Dialect) -> serde_json::Value {
                let mut members = serde_json::Map::new();
                $(members.insert(dialect.name(stringify!($field)), $kind.show(&self.$field, dialect));)+
                members.into()
            }

            fn specs() -> Vec<OptionSpec> {
                let defaults = Self::default();
                vec![
                    $(OptionSpec::new(stringify!($field), concat!($($doc),+), &$kind, Some(&defaults.$field)),)+
                    $($(OptionSpec::new(stringify!($other), concat!($($other_doc),+), &$other_kind, None),)+)?
                ]
            }
        }
    };
}

pub(super) use options;
