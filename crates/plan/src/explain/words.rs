//! Numbers of the kernel back to words, for people.
//! Runs in: the parent; pure.

use std::fmt::Display;

use brig_handshake::Text;

use crate::kernel::{attr, clone, ms};

const FLAGS: [(u32, &str); 20] = [
    (ms::RDONLY, "ro"),
    (ms::NOSUID, "nosuid"),
    (ms::NODEV, "nodev"),
    (ms::NOEXEC, "noexec"),
    (ms::SYNCHRONOUS, "sync"),
    (ms::REMOUNT, "remount"),
    (ms::MANDLOCK, "mand"),
    (ms::DIRSYNC, "dirsync"),
    (ms::NOSYMFOLLOW, "nosymfollow"),
    (ms::NOATIME, "noatime"),
    (ms::NODIRATIME, "nodiratime"),
    (ms::RELATIME, "relatime"),
    (ms::STRICTATIME, "strictatime"),
    (ms::I_VERSION, "iversion"),
    (ms::LAZYTIME, "lazytime"),
    (ms::SILENT, "silent"),
    (ms::PRIVATE, "private"),
    (ms::SLAVE, "slave"),
    (ms::SHARED, "shared"),
    (ms::UNBINDABLE, "unbindable"),
];

const ATTRIBUTES: [(u64, &str); 8] = [
    (attr::RDONLY, "ro"),
    (attr::NOSUID, "nosuid"),
    (attr::NODEV, "nodev"),
    (attr::NOEXEC, "noexec"),
    (attr::NOATIME, "noatime"),
    (attr::STRICTATIME, "strictatime"),
    (attr::NODIRATIME, "nodiratime"),
    (attr::NOSYMFOLLOW, "nosymfollow"),
];

/// Names of namespaces, `none` without one.
pub(super) fn namespaces(kinds: u32) -> String {
    let names = clone::BY_NAME.iter().filter(|(_, kind)| kinds & kind != 0).map(|(name, _)| *name);
    or_none(list(names, " "))
}

/// Words of mount(8) for `MS_*`.
pub(super) fn flags(flags: u32) -> String {
    list(FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, word)| *word), ",")
}

/// `rslave` and the like.
pub(super) fn propagation(kind: u32) -> String {
    format!("{}{}", if kind & ms::REC == 0 { "" } else { "r" }, flags(kind))
}

/// What mount_setattr(2) sets and clears: `+ro -nosuid`.
pub(super) fn attributes(set: u64, clear: u64) -> String {
    let words = |attrs: u64, sign: &str| {
        let named = ATTRIBUTES.iter().filter(move |(attr, _)| attrs & attr != 0);
        named.map(|(_, word)| format!("{sign}{word}")).collect::<Vec<_>>()
    };
    // The access time setting is a field: a value is set by clearing all of it first.
    let relatime = (clear & attr::ATIME != 0 && set & attr::ATIME == 0).then(|| "+relatime".to_owned());
    let cleared = words(clear & !set & !attr::ATIME, "-");
    list(words(set, "+").into_iter().chain(relatime).chain(cleared), " ")
}

/// As it would be typed, quoted where it could be misread.
pub(super) fn quoted(text: &Text<'_>) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | ',' | '[' | ']' | ' ');
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { format!("{text:?}") }
}

/// All of them, with `separator` between.
pub(super) fn list(items: impl IntoIterator<Item = impl Display>, separator: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}

/// All texts, as they would be typed.
pub(super) fn texts(texts: &[Text<'_>]) -> String {
    list(texts.iter().map(quoted), " ")
}

/// The text, or `none`.
pub(super) fn or_none(text: String) -> String {
    or("none", text)
}

/// The text, or a word where there is none.
pub(super) fn or(word: &str, text: String) -> String {
    if text.is_empty() { word.to_owned() } else { text }
}
