//! Properties that the caller wrote into annotations: `org.systemd.property.TimeoutStopSec` with the value `30`.
//! Runs in: the parent; pure.

use brig_dbus::{Property, Value, parse};

use crate::refusal::{Refusal, member};
use crate::spec::Str;

/// What their names begin with.
pub const PREFIX: &str = "org.systemd.property.";

/// The properties in their order. They come last, and so have the last word.
pub(super) fn properties(annotations: &[(Str<'_>, Str<'_>)]) -> Result<Vec<Property>, Refusal> {
    let ours = annotations.iter().filter_map(|(key, value)| Some((key, key.strip_prefix(PREFIX)?, value)));
    ours.map(|(key, name, value)| property(key, name, value)).collect()
}

fn property(key: &str, name: &str, text: &str) -> Result<Property, Refusal> {
    let refused = |words: String| Refusal::runc(member("annotations", key), words);
    if let Some(fault) = fault_of_name(name) {
        return Err(refused(format!("annotation {key} name incorrect: {fault}")));
    }
    let malformed = |why: String| refused(format!("annotation {key}={text} value parse error: {why}"));
    let value = parse(text).map_err(|error| malformed(error.to_string()))?;
    match seconds(name) {
        None => Ok(Property::new(name, value)),
        Some(stem) => {
            let time = microseconds(&value).ok_or_else(|| malformed("not a number of seconds".to_owned()))?;
            Ok(Property::new(format!("{stem}USec"), Value::U64(time)))
        }
    }
}

fn fault_of_name(name: &str) -> Option<&'static str> {
    if name.len() < 3 {
        return Some("too short");
    }
    (!name.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some("contains non-alphabetic character")
}

/// `TimeoutStop` of `TimeoutStopSec`: over the bus times are counted in microseconds, and have another name. Not of
/// `TimeoutStopUSec`, nor of a word that happens to end like this.
fn seconds(name: &str) -> Option<&str> {
    name.strip_suffix("Sec").filter(|stem| stem.ends_with(|last: char| last.is_ascii_lowercase()))
}

fn microseconds(value: &Value) -> Option<u64> {
    const SECOND: u64 = 1_000_000;
    let whole = |seconds: u64| seconds.checked_mul(SECOND);
    match *value {
        Value::Byte(seconds) => whole(seconds.into()),
        Value::I16(seconds) => whole(seconds.try_into().ok()?),
        Value::U16(seconds) => whole(seconds.into()),
        Value::I32(seconds) => whole(seconds.try_into().ok()?),
        Value::U32(seconds) => whole(seconds.into()),
        Value::I64(seconds) => whole(seconds.try_into().ok()?),
        // systemd's infinity.
        Value::U64(u64::MAX) => Some(u64::MAX),
        Value::U64(seconds) => whole(seconds),
        Value::F64(bits) => {
            let time = f64::from_bits(bits) * 1e6;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^63")]
            (0.0..9.2e18).contains(&time).then_some(time as u64)
        }
        Value::Bool(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Signature(_)
        | Value::Array(..)
        | Value::Struct(_)
        | Value::Entry(_)
        | Value::Variant(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, text: &str) -> Result<Property, String> {
        let annotations = [(format!("{PREFIX}{name}").into(), text.to_owned().into())];
        let mut properties = properties(&annotations).map_err(|refusal| refusal.message().to_owned())?;
        Ok(properties.remove(0))
    }

    #[test]
    fn an_annotation_is_a_property_with_a_value() {
        let table = [
            ("CollectMode", "'inactive'", "CollectMode", Value::text("inactive")),
            ("TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec", Value::U64(123_456_789)),
            ("TimeoutStopSec", "uint64 30", "TimeoutStopUSec", Value::U64(30_000_000)),
            ("TimeoutStopSec", "1.5", "TimeoutStopUSec", Value::U64(1_500_000)),
            ("TimeoutStopSec", "byte 2", "TimeoutStopUSec", Value::U64(2_000_000)),
            ("TimeoutStopSec", "uint64 18446744073709551615", "TimeoutStopUSec", Value::U64(u64::MAX)),
            ("FOOSec", "5", "FOOSec", Value::I32(5)),
        ];
        for (name, text, want, value) in table {
            assert_eq!(said(name, text).unwrap(), Property::new(want, value), "{name} {text}");
        }
    }

    #[test]
    fn other_annotations_are_none_of_ours() {
        let annotations = [("org.systemd.propertyX".into(), "1".into()), ("a".into(), "b".into())];
        assert_eq!(properties(&annotations).unwrap(), []);
    }

    #[test]
    fn what_makes_no_property_is_refused_in_runc_s_words() {
        let key = |name: &str| format!("annotation {PREFIX}{name}");
        let table = [
            ("Ab", "1", " name incorrect: too short"),
            ("Ab_c", "1", " name incorrect: contains non-alphabetic character"),
            ("Abc", "x", "=x value parse error: no value, and no type (at byte 0)"),
            ("FooSec", "'x'", "='x' value parse error: not a number of seconds"),
            ("FooSec", "-1", "=-1 value parse error: not a number of seconds"),
            ("FooSec", "-1.0", "=-1.0 value parse error: not a number of seconds"),
            (
                "FooSec",
                "int64 99999999999999",
                "=int64 99999999999999 value parse error: not a number of seconds",
            ),
        ];
        for (name, text, want) in table {
            assert_eq!(said(name, text).unwrap_err(), key(name) + want);
        }
        let annotations = [(format!("{PREFIX}A").into(), "1".into())];
        let refusal = properties(&annotations).unwrap_err();
        assert_eq!(refusal.path(), "annotations[\"org.systemd.property.A\"]");
    }
}
