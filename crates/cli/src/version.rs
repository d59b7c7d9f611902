//! What brig is called and which version it is. Runs in: parent.

/// Version of the OCI runtime specification that brig follows.
pub const SPEC_VERSION: &str = "1.3.0";
/// Version of brig.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that brig was built from, or `unknown`.
pub const COMMIT: &str = env!("BRIG_COMMIT");

/// What `--version` prints. Callers parse it by line: version, commit, spec.
#[must_use]
pub fn lines(name: &str) -> String {
    format!("{name} version {VERSION}\ncommit: {COMMIT}\nspec: {SPEC_VERSION}\n")
}

/// The name we were called by, for help and messages: the last part of argv\[0\]. Called through a link named `runc`, brig
/// answers to that name.
#[must_use]
pub fn name(program: &str) -> &str {
    program.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("brig")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_version_commit_and_spec() {
        let text = lines("brig");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("brig version {VERSION}"));
        assert!(lines[1].starts_with("commit: ") && lines[1].len() > "commit: ".len());
        assert_eq!(lines[2], "spec: 1.3.0");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        assert_eq!(
            ["brig", "/usr/bin/brig", "./runc", "", "/"].map(name),
            ["brig", "brig", "runc", "brig", "brig"]
        );
    }
}
