//! Building the tests, and finding out what each test binary needs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{cargo, output};
use crate::oracle;

/// One test binary.
#[derive(Debug)]
pub(super) struct Binary {
    /// `package::target`, as the reader knows it.
    pub(super) name: String,
    /// The executable.
    pub(super) path: PathBuf,
    /// The folder of its package, where cargo would run it.
    pub(super) package: PathBuf,
    /// Whom it wants to be run as.
    pub(super) needs: Needs,
}

/// Whom a test binary wants to be run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Anybody.
    Nothing,
    /// An unprivileged user.
    User,
    /// Root, away from the host's mounts.
    Root,
}

/// Builds every test of the workspace, and the comparison with libseccomp where that is installed.
///
/// # Errors
/// They do not build.
pub(super) fn build(root: &Path) -> Result<Vec<Binary>, String> {
    let mut all = built(root, &["--workspace"])?;
    if oracle::is_here() {
        all.extend(built(root, &["--package", "brig-seccomp", "--features", "oracle", "--test", "oracle"])?);
    }
    Ok(all)
}

fn built(root: &Path, which: &[&str]) -> Result<Vec<Binary>, String> {
    let build = ["test", "--quiet", "--no-run", "--message-format=json-render-diagnostics"];
    let messages = output(cargo(root).args(build).args(which))?;
    Ok(messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message| read(&message))
        .collect())
}

/// Reads one of cargo's messages; only those about a test binary count.
fn read(message: &Value) -> Option<Binary> {
    if message["profile"]["test"] != true {
        return None;
    }
    let package = Path::new(message["manifest_path"].as_str()?).parent()?;
    let (target, kind) = (message["target"]["name"].as_str()?, message["target"]["kind"][0].as_str()?);
    Some(Binary {
        name: format!("{}::{target}", package.file_name()?.to_string_lossy()),
        path: PathBuf::from(message["executable"].as_str()?),
        package: package.to_owned(),
        needs: needs(kind, target),
    })
}

/// `kind` is cargo's: `test` for a file of a `tests` folder.
fn needs(kind: &str, target: &str) -> Needs {
    match (kind, target) {
        ("test", name) if name.starts_with("user_") => Needs::User,
        ("test", name) if name.starts_with("root_") => Needs::Root,
        _ => Needs::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(kind: &str, target: &str) -> Value {
        json!({"profile": {"test": true}, "manifest_path": "/x/cli/Cargo.toml", "executable": "/t/a",
               "target": {"name": target, "kind": [kind]}})
    }

    #[test]
    fn the_name_of_an_integration_test_says_what_it_needs() {
        let needs = |kind, target| read(&message(kind, target)).unwrap().needs;
        assert_eq!(needs("test", "root_create"), Needs::Root);
        assert_eq!(needs("test", "user_exec"), Needs::User);
        assert_eq!(needs("test", "explain"), Needs::Nothing);
        assert_eq!(needs("bin", "root_create"), Needs::Nothing);
    }

    #[test]
    fn a_message_about_anything_else_is_no_test() {
        assert!(read(&json!({"reason": "build-finished"})).is_none());
        assert_eq!(read(&message("lib", "plan")).unwrap().name, "cli::plan");
    }
}
