//! libseccomp, beside which the seccomp compiler is tested and measured. Nothing that is shipped knows of it.
//! Runs on the developer's machine.

use std::path::Path;
use std::process::Command;

use crate::command::{cargo, succeed};

/// Whether the linker would find the static library (Debian: libseccomp-dev).
pub(crate) fn is_here() -> bool {
    let asked = Command::new("cc").arg("-print-file-name=libseccomp.a").output();
    // without a file the compiler says the bare name again
    asked.is_ok_and(|answer| answer.stdout.contains(&b'/'))
}

/// `cargo xtask bench seccomp`.
///
/// # Errors
/// It does not build, or fails.
pub(crate) fn bench(root: &Path) -> Result<(), String> {
    let mut command = cargo(root);
    command.args(["run", "--quiet", "--release", "--package", "brig-runtime", "--example", "seccomp"]);
    match is_here() {
        true => command.args(["--features", "oracle"]),
        false => {
            println!("without libseccomp: there is no libseccomp.a (Debian: libseccomp-dev)");
            &mut command
        }
    };
    succeed(&mut command)
}
