//! Text for the kernel out of text from config.json.
//! Runs in: the parent; pure.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;

use brig_handshake::Text;

use crate::refusal::Refusal;

/// `value` with a NUL behind it. `path` is where it stands in config.json.
///
/// # Errors
/// There is a NUL in it: the kernel would take only what is in front of it.
pub(crate) fn text(value: impl Into<Vec<u8>>, path: fmt::Arguments<'_>) -> Result<Text<'static>, Refusal> {
    CString::new(value).map(Cow::Owned).map_err(|error| {
        let offset = error.nul_position();
        Refusal::at(path.to_string(), format!("contains a NUL byte, at byte {offset}"))
    })
}

/// The same for text that may be left out by leaving it empty.
///
/// # Errors
/// As for [`text`].
pub(crate) fn optional_text(value: &str, path: fmt::Arguments<'_>) -> Result<Option<Text<'static>>, Refusal> {
    if value.is_empty() { Ok(None) } else { text(value, path).map(Some) }
}

/// The path below `at`, the place of an object in config.json that may be the whole text.
pub(crate) fn below(at: &str, field: impl fmt::Display) -> String {
    if at.is_empty() { field.to_string() } else { format!("{at}.{field}") }
}

/// A path without `.`, `..` and double slashes, as an absolute one, by text alone: `a/./b//../c` is `/a/c`.
///
/// For paths inside a container, whose `/` has no parent.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let mut clean = String::with_capacity(path.len() + 1);
    for part in &parts {
        clean.push('/');
        clean.push_str(part);
    }
    if clean.is_empty() { "/".to_owned() } else { clean }
}

/// A clean destination as it is seen from inside, where it was written as the host sees it: callers of runc may.
pub(crate) fn without_root(rootfs: &str, destination: String) -> String {
    match destination.strip_prefix(rootfs) {
        Some("") => "/".to_owned(),
        Some(inside) if inside.starts_with('/') && rootfs != "/" => inside.to_owned(),
        _ => destination,
    }
}

/// A host path that may be relative to `directory`.
pub(crate) fn beneath(directory: &str, path: &str) -> String {
    match path.strip_prefix('/') {
        Some(_) => path.to_owned(),
        None => format!("{}/{path}", directory.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_refused_with_its_place() {
        let refusal = text("a\0b", format_args!("hostname")).unwrap_err();
        assert_eq!(refusal.to_string(), "hostname: contains a NUL byte, at byte 1");
    }

    #[test]
    fn a_clean_path_is_absolute_and_climbs_nowhere() {
        for (path, cleaned) in [
            ("", "/"),
            ("/", "/"),
            ("/../..", "/"),
            ("a/./b//../c/", "/a/c"),
            ("/proc/../etc", "/etc"),
            ("/dev/...", "/dev/..."),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn a_destination_may_be_written_with_its_rootfs() {
        for (rootfs, destination, inside) in [
            ("/b/rootfs", "/b/rootfs/mnt", "/mnt"),
            ("/b/rootfs", "/b/rootfs", "/"),
            ("/b/rootfs", "/b/rootfs2/mnt", "/b/rootfs2/mnt"),
            ("/b/rootfs", "/mnt", "/mnt"),
            ("/", "/mnt", "/mnt"),
        ] {
            assert_eq!(without_root(rootfs, destination.to_owned()), inside, "{rootfs} {destination}");
        }
    }

    #[test]
    fn a_relative_host_path_starts_at_the_bundle() {
        assert_eq!(beneath("/bundle", "rootfs"), "/bundle/rootfs");
        assert_eq!(beneath("/bundle/", "rootfs"), "/bundle/rootfs");
        assert_eq!(beneath("/bundle", "/srv"), "/srv");
    }
}
