//! The text of a config.json, from the types: in the order of the types and of the maps, without what says nothing.
//! Runs in: the parent, for callers of the library.

use super::Spec;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;
use std::fmt;

impl Spec<'_> {
    /// The text of a config.json that says the same. What is absent here is absent there: nothing empty is written.
    pub fn to_json(&self) -> String {
        let whole = serde_json::to_string(self).unwrap_or_default();
        let value = serde_json::from_str::<Json>(&whole).unwrap_or(Json::Null);
        serde_json::to_string(&value.without_nothing()).unwrap_or_default()
    }
}

/// A value whose objects keep their order.
enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Empty text, lists and `null` say what an absent key says. Not in maps, whose keys are the caller's words; and no flags of a
    /// filter are others than those that are not mentioned.
    fn without_nothing(self) -> Self {
        match self {
            Self::Object(entries) => {
                let kept = entries.into_iter().filter(|(key, value)| match value {
                    Self::Null => false,
                    Self::Text(text) => !text.is_empty(),
                    Self::List(list) => !list.is_empty() || key == "flags",
                    Self::Object(entries) => !entries.is_empty() || !LISTED.contains(&key.as_str()),
                    Self::Bool(_) | Self::Number(_) => true,
                });
                let inner = |(key, value): (String, Self)| match MAPS.contains(&key.as_str()) {
                    true => (key, value),
                    false => (key, value.without_nothing()),
                };
                Self::Object(kept.map(inner).collect())
            }
            Self::List(list) => Self::List(list.into_iter().map(Self::without_nothing).collect()),
            other @ (Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_)) => other,
        }
    }
}

const MAPS: [&str; 3] = ["annotations", "sysctl", "unified"];

/// All that are lists here. runc takes a `timeOffsets` that is empty for one that is there.
const LISTED: [&str; 6] = ["annotations", "sysctl", "unified", "timeOffsets", "netDevices", "rdma"];

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = object.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }
}
