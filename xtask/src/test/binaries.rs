//! Building the tests, and finding out what each test binary needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command::{cargo, output};
use crate::oracle;
use crate::tally;

/// One test binary.
#[derive(Debug)]
pub(crate) struct Binary {
    /// `package::target`, as the reader knows it.
    pub(crate) name: String,
    /// The executable.
    pub(crate) path: PathBuf,
    /// The folder of its package, where cargo would run it.
    pub(crate) package: PathBuf,
    /// Whom it wants to be run as.
    pub(crate) needs: Needs,
    /// What cargo said about it.
    pub(crate) message: String,
}

impl Binary {
    /// How many tests it has.
    ///
    /// # Errors
    /// It cannot be asked.
    pub(crate) fn count(&self) -> Result<usize, String> {
        Ok(tally::listed(&output(Command::new(&self.path).args(["--list", "--format=terse"]))?))
    }
}

/// Whom a test binary wants to be run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Anybody.
    Nothing,
    /// An unprivileged user.
    User,
    /// Root, away from the host's mounts.
    Root,
}

/// What cargo built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The test binaries.
    pub(crate) tests: Vec<Binary>,
    /// Executables that are no tests.
    pub(crate) programs: Vec<PathBuf>,
}

/// Names a file with cargo's messages about tests that were built elsewhere, for this machine.
pub(crate) const BUILT: &str = "BRIG_TEST_BUILT";

impl Built {
    /// Builds every test of the workspace, and the comparison with libseccomp where that is installed; or finds those that
    /// were brought here.
    ///
    /// # Errors
    /// They do not build.
    pub(crate) fn new(root: &Path) -> Result<Self, String> {
        let mut built = Self { tests: Vec::new(), programs: Vec::new() };
        if let Ok(path) = std::env::var(BUILT) {
            built.read(&std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?);
            return Ok(built);
        }
        built.read(&build(root, &["--workspace"])?);
        if oracle::is_here() {
            let which = ["--package", "brig-seccomp", "--features", "oracle", "--test", "oracle"];
            built.read(&build(root, &which)?);
        }
        Ok(built)
    }

    /// Reads what cargo said.
    fn read(&mut self, messages: &str) {
        for line in messages.lines() {
            let Ok(message) = serde_json::from_str(line) else { continue };
            self.tests.extend(read(&message));
            self.programs.extend(program(&message));
        }
    }
}

fn build(root: &Path, which: &[&str]) -> Result<String, String> {
    let build = ["test", "--quiet", "--no-run", "--message-format=json-render-diagnostics"];
    output(cargo(root).args(build).args(which))
}

/// Whether the tests were built elsewhere and brought to this machine.
pub(crate) fn are_brought() -> bool {
    std::env::var_os(BUILT).is_some()
}

/// Reads one of cargo's messages about a test binary.
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
        message: message.to_string(),
    })
}

/// Reads one of cargo's messages about another executable.
fn program(message: &Value) -> Option<PathBuf> {
    let is_program = message["profile"]["test"] == false && message["target"]["kind"][0] == "bin";
    is_program.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
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
    fn a_message_about_a_program_or_anything_else_is_no_test() {
        let mut other = message("bin", "brig");
        other["profile"]["test"] = json!(false);
        assert_eq!(program(&other), Some("/t/a".into()));
        assert_eq!(program(&message("bin", "brig")), None);
        assert!(read(&other).is_none());
        assert!(read(&json!({"reason": "build-finished"})).is_none());
        assert_eq!(read(&message("lib", "plan")).unwrap().name, "cli::plan");
    }
}
