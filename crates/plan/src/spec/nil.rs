//! How a `null` and a JSON object used as a map are read, and the object written.
//! Runs in: the parent, while config.json is read.
//!
//! Go writes an empty slice, map or pointer as `null` and reads `null` as "leave the zero value".

use super::Str;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A value, or its zero value for `null`.
pub(super) fn or_zero<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A JSON object as a list in file order; of entries with the same key the last one stays.
pub(super) fn map<'de, 'a, D, V>(deserializer: D) -> Result<Vec<(Str<'a>, V)>, D::Error>
where
    'de: 'a,
    D: Deserializer<'de>,
    V: Default + Deserialize<'de>,
{
    deserializer.deserialize_any(Entries(PhantomData))
}

/// A list as a JSON object.
pub(super) fn as_map<S, V>(entries: &[(Str<'_>, V)], serializer: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    V: Serialize,
{
    serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
}

struct Entries<V>(PhantomData<V>);

impl<'de, V: Default + Deserialize<'de>> Visitor<'de> for Entries<V> {
    type Value = Vec<(Str<'de>, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut entries: Self::Value = Vec::new();
        while let Some((key, value)) = object.next_entry::<Str<'de>, Option<V>>()? {
            entries.push((key, value.unwrap_or_default()));
        }
        keep_last(&mut entries);
        Ok(entries)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// Drops every entry whose key comes again later. Sorts positions rather than comparing pairs: the text is not trusted
/// to be small.
fn keep_last<V>(entries: &mut Vec<(Str<'_>, V)>) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&a, &b| entries[a].0.cmp(&entries[b].0).then(a.cmp(&b)));
    let mut stays = vec![true; entries.len()];
    for pair in order.windows(2) {
        stays[pair[0]] = entries[pair[0]].0 != entries[pair[1]].0;
    }
    let mut stays = stays.into_iter();
    entries.retain(|_| stays.next() != Some(false));
}
