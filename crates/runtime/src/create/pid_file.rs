//! `--pid-file`.
//! Runs in: the parent.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::error::{Error, Result, best_effort};

/// The path of a file with the process id, written beside and renamed, as runc does.
///
/// # Errors
/// `Os`.
pub fn write_pid_file(path: &Path, pid: Pid) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside: PathBuf = path.with_file_name(format!(".{name}"));
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::TRUNC | OFlags::SYNC | OFlags::CLOEXEC;
    let open = || openat(CWD, &beside, flags, Mode::from_raw_mode(0o666));
    let file = match open() {
        // Left by one that was killed here.
        Err(Errno::EXIST) => {
            best_effort(rustix::fs::unlink(&beside), "the next open says what is wrong");
            open()
        }
        file => file,
    }
    .map_err(|errno| Error::os(format_args!("open {}", beside.display()), errno))?;
    let text = pid.as_raw_nonzero().to_string();
    let written =
        rustix::io::write(&file, text.as_bytes()).map(drop).and_then(|()| rustix::fs::rename(&beside, path));
    written.map_err(|errno| {
        best_effort(rustix::fs::unlink(&beside), "the first error is the one to report");
        Error::os(format_args!("write {}", path.display()), errno)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::tests::Scratch;

    #[test]
    fn what_a_killed_creator_left_beside_the_pid_file_is_in_nobodys_way() {
        let scratch = Scratch::new();
        let path = scratch.store().root().join("pid");
        fs::create_dir_all(scratch.store().root()).unwrap();
        fs::write(path.with_file_name(".pid"), "1").unwrap();
        write_pid_file(&path, Pid::INIT).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
        assert!(!path.with_file_name(".pid").exists());
    }
}
