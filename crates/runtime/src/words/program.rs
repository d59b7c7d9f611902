//! Hints about the user's program: where it was looked for, and why it is not executed.
//! Runs in: the parent, after the failure. The rootfs is looked at as the image has it, beneath its own root, without what was
//! mounted in the container.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use brig_handshake::Fault;
use brig_handshake::mounts::{Mount, What};
use brig_handshake::process::Process;
use brig_plan::plan::Plan;
use rustix::buffer::spare_capacity;
use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, Stat, StatVfsMountFlags, fstat, fstatvfs, openat, openat2,
};
use rustix::io::{Errno, read};

/// `MS_NOEXEC`, and `MOUNT_ATTR_NOEXEC`.
const NOEXEC: u32 = 8;
/// Where programs are, on most images.
const USUAL: [&str; 6] = ["/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin", "/usr/local/sbin"];

/// Why `args[0]` was not found, or may not be executed.
pub(super) fn not_found(plan: &Plan<'_>, fault: &Fault<'_>) -> Option<String> {
    let process = &plan.task.process;
    let name = process.args.first()?.to_string_lossy();
    let is_path = name.contains('/');
    match super::errno_of(fault) {
        Some(Errno::ACCESS) => return forbidden(plan, &name),
        None | Some(Errno::NOENT | Errno::NOTDIR) => {}
        Some(_) => return None,
    }
    if is_empty(plan) {
        let rootfs = plan.task.rootfs.path.to_string_lossy();
        return Some(format!(
            "the rootfs, {rootfs}, holds nothing but mount points: is the image unpacked there?"
        ));
    }
    if !is_path {
        let elsewhere = USUAL.iter().map(|directory| format!("{directory}/{name}"));
        let elsewhere = elsewhere.filter(|_| !name.is_empty()).find(|path| is_executable(plan, path));
        if let Some(path) = elsewhere {
            return Some(format!("the rootfs has {path}, and {}", path_of(process)));
        }
        return not_in_path(process, fault);
    }
    if name.contains(' ') {
        return Some(WORDS.to_owned());
    }
    let on_host = fs::exists(&*name).unwrap_or(false);
    on_host.then(|| format!("the host has {name}, the rootfs has not"))
}

/// A bare name that was not found.
pub(super) fn not_in_path(process: &Process<'_>, fault: &Fault<'_>) -> Option<String> {
    if fault.errno != 0 {
        return None;
    }
    let name = process.args.first()?.to_string_lossy();
    Some(if name.contains(' ') { WORDS.to_owned() } else { path_of(process) })
}

const WORDS: &str =
    "there is a space in this name: each word of a command is an entry of process.args of its own";

fn path_of(process: &Process<'_>) -> String {
    if process.search.is_empty() {
        return "process.env has no PATH".to_owned();
    }
    let directories = process.search.iter().map(|directory| directory.to_string_lossy()).collect::<Vec<_>>();
    format!("PATH of process.env is {}", directories.join(":"))
}

/// Who or what forbids to execute what is there.
fn forbidden(plan: &Plan<'_>, path: &str) -> Option<String> {
    if let Some(mount) = mount_above(plan, path, u32::MAX) {
        return is_noexec(mount)
            .then(|| format!("mounts[{}] ({}) is noexec", mount.index, mount.destination.to_string_lossy()));
    }
    let (file, stat) = look(plan, path)?;
    let mounted = fstatvfs(&file).ok()?;
    if mounted.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Some("the file system of the rootfs is mounted noexec on the host".to_owned());
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o111 == 0 {
        return Some(format!("its mode is {mode:04o}: chmod +x"));
    }
    let (uid, gid) = (plan.task.process.uid, plan.task.process.gid);
    Some(format!(
        "its mode is {mode:04o} and its owner {}:{} on the host, and it is to run as {uid}:{gid} (process.user): so \
         may not execute it, or not enter a directory above",
        stat.st_uid, stat.st_gid
    ))
}

fn is_noexec(mount: &Mount<'_>) -> bool {
    match &mount.what {
        What::Filesystem(filesystem) => filesystem.flags & NOEXEC != 0,
        What::Bind(bind) => bind.attrs.as_ref().is_some_and(|attrs| attrs.set & u64::from(NOEXEC) != 0),
        What::Cgroup1(_) | What::Cgroup2(_) => true,
    }
}

/// Why what was found is no program for this machine.
pub(super) fn not_executed(plan: &Plan<'_>, errno: Errno, text: &[u8]) -> Option<String> {
    let program = program(plan)?;
    match errno {
        Errno::NOEXEC => Some(kind_of(&start_of(plan, &program)?)),
        Errno::NOENT | Errno::ACCESS if text.windows(11).any(|part| part == b"interpreter") => {
            let start = start_of(plan, &program)?;
            let what = match start.as_slice() {
                [b'#', b'!', ..] if start.split(|byte| *byte == b'\n').next()?.ends_with(b"\r") => {
                    "the first line of the script ends with a carriage return, as on Windows"
                }
                [b'#', b'!', ..] => "the first line of the script names it, and the rootfs lacks it",
                _ if errno == Errno::ACCESS => return None,
                _ => "the program is linked dynamically, and the rootfs lacks its loader: another C library?",
            };
            Some(what.to_owned())
        }
        Errno::TOOBIG => {
            let process = &plan.task.process;
            let bytes: usize =
                process.args.iter().chain(&process.env).map(|text| text.to_bytes().len() + 1).sum();
            Some(format!(
                "process.args and process.env hold {bytes} bytes; one entry may have 131072, all a quarter of the stack's limit"
            ))
        }
        _ => None,
    }
}

/// What a file is, by how it begins (elf(5)).
fn kind_of(start: &[u8]) -> String {
    match start {
        [] => "it is an empty file".to_owned(),
        [0x7f, b'E', b'L', b'F', rest @ ..] => {
            let machine = rest.get(14..16).map(|at| u16::from_le_bytes([at[0], at[1]]));
            match machine.and_then(machine_name) {
                Some(name) if name != std::env::consts::ARCH => {
                    format!("it is a program for {name}, and this machine is {}", std::env::consts::ARCH)
                }
                _ => "it is a program for another kind of machine, or a damaged one".to_owned(),
            }
        }
        _ => "it is no program, and no script: a script's first line begins with #!".to_owned(),
    }
}

/// `e_machine` of elf(5), by Rust's names.
fn machine_name(machine: u16) -> Option<&'static str> {
    Some(match machine {
        3 => "x86",
        20 => "powerpc",
        21 => "powerpc64",
        22 => "s390x",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        258 => "loongarch64",
        _ => return None,
    })
}

/// Why the working directory may not be entered.
pub(super) fn cwd(plan: &Plan<'_>, errno: Errno) -> Option<String> {
    let process = &plan.task.process;
    let cwd = process.cwd.to_string_lossy();
    let (_, stat) = look(plan, &cwd)?;
    (errno == Errno::ACCESS).then(|| {
        format!(
            "its mode is {:04o} and its owner {}:{} on the host: {}:{} (process.user) may not enter it, or a directory above",
            stat.st_mode & 0o7777, stat.st_uid, stat.st_gid, process.uid, process.gid
        )
    })
}

/// The last mount that covers `path`, but for `index`, and those behind it in the list.
pub(super) fn mount_above<'p>(plan: &'p Plan<'_>, path: &str, index: u32) -> Option<&'p Mount<'p>> {
    let covers = |mount: &&Mount<'_>| {
        let destination = mount.destination.to_string_lossy();
        let rest = path.strip_prefix(destination.trim_end_matches('/'));
        mount.index < index && rest.is_some_and(|rest| rest.starts_with('/'))
    };
    plan.task.rootfs.mounts.iter().rfind(covers)
}

/// Nothing of an image: only what mounts need was made.
fn is_empty(plan: &Plan<'_>) -> bool {
    let made = |name: &str| {
        let mut places = plan.task.rootfs.mounts.iter().map(|mount| mount.destination.to_string_lossy());
        name == "dev" || places.any(|place| place.trim_start_matches('/').split('/').next() == Some(name))
    };
    let entries = fs::read_dir(&*plan.task.rootfs.path.to_string_lossy());
    entries.is_ok_and(|entries| entries.flatten().all(|entry| entry.file_name().to_str().is_some_and(made)))
}

/// The path of the program, as `brig-init` finds it.
fn program(plan: &Plan<'_>) -> Option<String> {
    let process = &plan.task.process;
    let name = process.args.first()?.to_string_lossy();
    if name.contains('/') {
        return Some(name.into_owned());
    }
    let mut paths = process.search.iter().map(|directory| format!("{}/{name}", directory.to_string_lossy()));
    paths.find(|path| is_executable(plan, path))
}

fn is_executable(plan: &Plan<'_>, path: &str) -> bool {
    look(plan, path)
        .is_some_and(|(_, stat)| FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_mode & 0o111 != 0)
}

fn look(plan: &Plan<'_>, path: &str) -> Option<(OwnedFd, Stat)> {
    look_beneath(&*plan.task.rootfs.path, path)
}

/// How a regular file begins. Nothing else is opened: a device may do anything when it is, and a FIFO has somebody waiting.
fn start_of(plan: &Plan<'_>, path: &str) -> Option<Vec<u8>> {
    let (file, stat) = look(plan, path)?;
    start_of_regular(&file, &stat)
}

fn start_of_regular(file: &OwnedFd, stat: &Stat) -> Option<Vec<u8>> {
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return None;
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut start = Vec::with_capacity(256);
    read(&file, spare_capacity(&mut start)).ok()?;
    Some(start)
}

/// Beneath the rootfs, which somebody else may have filled. What it is shows without opening it.
fn look_beneath(rootfs: impl rustix::path::Arg, path: &str) -> Option<(OwnedFd, Stat)> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let rootfs = openat(CWD, rootfs, directory, Mode::empty()).ok()?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = openat2(&rootfs, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve).ok()?;
    let stat = fstat(&file).ok()?;
    Some((file, stat))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use rustix::io::Errno;

    use super::{kind_of, look_beneath, start_of_regular};
    use crate::store::tests::Scratch;

    fn start(rootfs: &Scratch, name: &str) -> Option<Vec<u8>> {
        let (file, stat) = look_beneath(rootfs.path(), name).unwrap();
        start_of_regular(&file, &stat)
    }

    #[test]
    fn a_regular_file_of_the_rootfs_is_read_and_a_fifo_or_device_not_even_opened() {
        let rootfs = Scratch::new();
        fs::write(rootfs.path().join("script"), "#!/nosuch\n").unwrap();
        let mode = Mode::from_raw_mode(0o777);
        mknodat(CWD, rootfs.path().join("fifo"), FileType::Fifo, mode, 0).unwrap();
        let null = rustix::fs::makedev(1, 3);
        // For an ordinary user the FIFO alone.
        let device = mknodat(CWD, rootfs.path().join("device"), FileType::CharacterDevice, mode, null);
        let watch = inotify::init(CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&watch, rootfs.path(), WatchFlags::OPEN).unwrap();
        for name in ["fifo", "device"].into_iter().take(1 + usize::from(device.is_ok())) {
            assert_eq!(start(&rootfs, name), None, "{name}");
        }
        let mut space = [std::mem::MaybeUninit::uninit(); 512];
        let mut events = inotify::Reader::new(&watch, &mut space);
        assert!(matches!(events.next(), Err(Errno::AGAIN)), "one of them was opened");
        assert_eq!(start(&rootfs, "script").as_deref(), Some(&b"#!/nosuch\n"[..]));
        assert!(events.next().unwrap().events().contains(ReadFlags::OPEN), "which would have been seen");
    }

    #[test]
    fn a_program_of_another_machine_is_told_from_what_is_no_program() {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(20, 0);
        let other = if cfg!(target_arch = "aarch64") { 62_u16 } else { 183 };
        elf[18..20].copy_from_slice(&other.to_le_bytes());
        assert!(kind_of(&elf).starts_with("it is a program for "), "{}", kind_of(&elf));
        elf[18..20].copy_from_slice(&9999_u16.to_le_bytes());
        assert!(kind_of(&elf).contains("another kind of machine"));
        assert_eq!(kind_of(b""), "it is an empty file");
        assert!(kind_of(b"echo hello\n").contains("begins with #!"));
    }
}
