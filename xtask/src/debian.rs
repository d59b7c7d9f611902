//! Debian's packages of another release than this machine's.

use std::fs;
use std::path::PathBuf;

/// Where Debian's packages come from, if this machine's own sources do not say it.
const MIRROR: &str = "http://deb.debian.org/debian";

/// A folder for `what` is made of packages, shared by all workspaces of a user.
///
/// # Errors
/// The user has no home.
pub(crate) fn cache(what: &str) -> Result<PathBuf, String> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let cache = cache.ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())?;
    Ok(cache.join("brig").join(what))
}

/// The mirror that this machine gets its own packages from.
pub(crate) fn mirror() -> String {
    let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
    files.push("/etc/apt/sources.list".into());
    files.sort();
    let texts: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    texts.iter().find_map(|text| mirror_in(text)).unwrap_or_else(|| MIRROR.to_owned())
}

/// The first place of Debian's main archive in a file of apt's, old style or new.
fn mirror_in(text: &str) -> Option<String> {
    let words = text
        .lines()
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace);
    let is_archive = |word: &&str| word.contains("://") && word.trim_end_matches('/').ends_with("/debian");
    words.filter(|word| is_archive(word)).map(str::to_owned).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_debian_s_archive() {
        let new = "Types: deb\nURIs: http://near.example/debian\nSuites: bookworm\n";
        assert_eq!(mirror_in(new).as_deref(), Some("http://near.example/debian"));
        let old = "deb [signed-by=/x] https://near.example/debian/ bookworm main\n";
        assert_eq!(mirror_in(old).as_deref(), Some("https://near.example/debian/"));
    }

    #[test]
    fn neither_the_security_archive_nor_somebody_else_s_is_a_mirror() {
        for text in ["URIs: http://deb.debian.org/debian-security\n", "deb https://deb.example/node x main\n"]
        {
            assert_eq!(mirror_in(text), None);
        }
    }
}
