//! User-mode Linux: a kernel that is a program of this machine, started in qemu's place.
//!
//! Where qemu has to emulate processors this does the same work in a fraction of the time: programs run on the real ones,
//! and a seccomp filter hands their system calls to that kernel (Linux 6.16 and later). It needs no rights, has one processor, and lacks
//! what Debian's build leaves out: the cpuset controller, packet filters, Landlock, CRIU's features.
//!
//! ```text
//!   ubda        the root, with a file of the run's own in front of it that gets what is written
//!   ubdb        what goes in, mounted on /brig     ubdc   what comes out (a tar file)
//!   ttyS0       what the command writes            ttyS1  its exit status, last
//!   hostfs      the kernel's modules
//!   console     what the kernel and systemd say
//! ```

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::command::{Needed, name, succeed};
use crate::debian;
use crate::vm::drives::Drives;
use crate::vm::image::{self, Image};

/// What the kernel is fetched and fitted with, and what makes the machine, with the Debian package of each.
pub(super) const NEEDED: [Needed; 4] = [
    ("setpriv", "util-linux"),
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("patchelf", "patchelf"),
];

/// The Debian whose kernel it is: that of the machine has an older one, which has to trace every program.
const SUITE: &str = "forky";
const PACKAGE: &str = "user-mode-linux";
/// In the package.
const PROGRAM: &str = "usr/bin/linux.uml";
const MODULES: &str = "usr/lib/uml/modules";
/// In libc6: this machine's own may be older than what the kernel was linked with.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "ld-linux-x86-64.so.2";
const LIBRARY: &str = "libc.so.6";

/// What the kernel is told. The rest is about drives and lines.
const KERNEL: [&str; 18] = [
    "mem=4G",
    "seccomp=auto",
    "ubd0=root.cow,root.img",
    "ubd1=in.img",
    "ubd2=out.img",
    "root=/dev/ubda",
    "rw",
    "con=null",
    "con0=null,fd:2",
    "ssl=null",
    "ssl0=null,fd:1",
    "ssl1=null,fd:0",
    "uml_dir=./",
    "umid=machine",
    "audit=0",
    "quiet",
    "systemd.show_status=false",
    "systemd.default_timeout_start_sec=900",
];
/// Of the security modules that it has, the one that the machine in qemu has.
const SECURITY: &str = "security=apparmor";

/// What the machine's script does first: finds its lines, and sees that the kernel has what the machine is there for.
///
/// The modules come late, so that what is opened by name is not there yet. Who changes a line's settings waits until all has
/// been written; they stay while it is open.
pub(super) const PRELUDE: &str = r#"
said=/dev/ttyS0 status=/dev/ttyS1 out=/dev/ubdc
exec 8>"$said" 9>"$status"
written() { stty -F "$said" raw && stty -F "$status" raw; }
written
mkdir -p /lib/modules
lacks=
mount -t hostfs none /lib/modules || lacks=" hostfs"
for name in cpu io memory pids; do
    grep -qw "$name" /sys/fs/cgroup/cgroup.controllers || lacks="$lacks $name"
done
for name in overlay fuse tun veth bridge dummy; do
    modprobe -q "$name" || lacks="$lacks $name"
done
[ -z "$lacks" ] || { echo "lacks$lacks" >"$status"; written; exit 1; }
"#;

/// The command that starts the machine: in the folder of the run, whose names the kernel cannot misread. It dies with us.
///
/// # Errors
/// The kernel cannot be provided.
pub(super) fn command(image: &Image, drives: &Drives) -> Result<Command, String> {
    let kernel = provide()?;
    let told = |error: io::Error| format!("the folder of the machine: {error}");
    for name in ["root.img", "root.cow"] {
        anew(&drives.join(name)).map_err(told)?;
    }
    symlink(&image.root, drives.join("root.img")).map_err(told)?;
    let made = |name: &str| File::create(drives.join(name)).map_err(told);
    let (status, console) = (made("status")?, made("console")?);
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=KILL").arg(kernel.join(PROGRAM)).args(KERNEL).arg(SECURITY);
    command.arg(format!("hostfs={}", kernel.join(MODULES).display()));
    command.current_dir(drives.join("")).stdin(status).stdout(Stdio::piped()).stderr(console);
    // Its memory is a file: in /dev/shm, unless one of these says otherwise.
    for folder in ["TMPDIR", "TMP", "TEMP"] {
        command.env_remove(folder);
    }
    Ok(command)
}

/// Removes what an earlier run left in the folder.
fn anew(path: &Path) -> io::Result<()> {
    let removed = fs::remove_file(path);
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The folder with the kernel: the one that is there, or a new one.
fn provide() -> Result<PathBuf, String> {
    let (cache, _lock) = image::cache()?;
    let place = cache.join(format!("uml-{SUITE}"));
    if !place.exists() {
        fetch(&place)?;
    }
    Ok(place)
}

/// Fetches the kernel and its library, and renames last, so that what is at `place` is whole.
fn fetch(place: &Path) -> Result<(), String> {
    let started = Instant::now();
    println!("fetching {PACKAGE} into {}", place.display());
    let new = place.with_extension("new");
    let told = |error: io::Error| format!("{}: {error}", new.display());
    if new.exists() {
        fs::remove_dir_all(&new).map_err(told)?;
    }
    fs::create_dir(&new).map_err(told)?;
    let archive = new.join("archive.tar");
    let log = File::create(new.join("log")).map_err(told)?;
    let mut command = unpacked();
    command.stdin(Stdio::null()).stdout(File::create(&archive).map_err(told)?).stderr(log);
    let status = command.status().map_err(|error| format!("{}: {error}", name(&command)))?;
    if !status.success() {
        let log = fs::read_to_string(new.join("log")).unwrap_or_default();
        return Err(format!("{PACKAGE} was not fetched: mmdebstrap: {status}\n{}", image::end(&log, 20)));
    }
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).arg("-C").arg(&new).args(["--no-same-owner", "--wildcards"]);
    let libraries = [LOADER, LIBRARY].map(|name| format!("./{LIBRARIES}/{name}"));
    succeed(tar.args(libraries).arg(format!("./{PROGRAM}")).arg(format!("./{MODULES}")))?;
    fs::remove_file(&archive).map_err(told)?;
    // It finds its library where all of this will be.
    let libraries = place.join(LIBRARIES);
    let mut patch = Command::new("patchelf");
    patch.arg("--set-interpreter").arg(libraries.join(LOADER)).arg("--set-rpath").arg(&libraries);
    succeed(patch.arg(new.join(PROGRAM)))?;
    fs::rename(&new, place).map_err(told)?;
    println!("fetched in {} s", started.elapsed().as_secs());
    Ok(())
}

/// mmdebstrap(1), which writes the package with all that it depends on as one tar file. A list of packages that its archive has
/// replaced meanwhile is good enough here.
fn unpacked() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", image::LIMIT, "mmdebstrap", "--variant=extract"]);
    command.arg(r#"--aptopt=Acquire::Check-Valid-Until "false""#).arg(format!("--include={PACKAGE}"));
    command.args([SUITE, "-"]).arg(format!("deb {} {SUITE} main", debian::mirror()));
    command
}
