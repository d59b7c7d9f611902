//! clone3(2) and clone(2): the first clone, which executes at once, and the second, which goes on as a copy.

use core::ffi::CStr;
use core::ptr;

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::Result;
use rustix::process::Pid;

use crate::arch;
use crate::call::{answer, call, common, number};

/// Store a pidfd of the child in the parent.
const CLONE_PIDFD: u64 = 0x1000;
/// The child runs in the parent's memory.
const CLONE_VM: u64 = 0x100;
/// The calling thread waits until the child has executed. Who shares memory without it counts as one with the parent: the OOM
/// killer kills both, and `oom_score_adj` of the one is that of the other (mm/oom_kill.c, fs/proc/base.c).
const CLONE_VFORK: u64 = 0x4000;
/// The child's parent is the caller's parent.
const CLONE_PARENT: u64 = 0x8000;
/// Handlers that the parent installed are gone in the child: none can run in borrowed memory.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
/// The child starts in the cgroup of [`CloneArgs::cgroup`].
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

const SIGCHLD: u64 = 17;

/// struct clone_args, clone3(2).
#[derive(Debug, Default)]
#[repr(C, align(8))]
pub(crate) struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// What the child of [`Spawn::start`] does before it executes. The layout is known to the assembly in `arch`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Between {
    /// Loses its close-on-exec flag, in the child only. Offset 0.
    socket: i64,
    /// The parent's end of the pair, closed before waiting. Offset 8.
    parent_end: i64,
    /// What to execute. Offset 16.
    executable: i64,
    /// "". Offset 24.
    path: *const u8,
    /// Offset 32.
    argv: *const *const u8,
    /// Offset 40.
    envp: *const *const u8,
    /// Not null: wait for one byte from `socket`, put it here, then become user and group 0. Offset 48.
    byte: *mut u8,
}

/// When the child executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At once, in memory borrowed from the parent, whose thread waits for that.
    AtOnce,
    /// When a byte arrives on the socket: its user namespace needs id maps first, and executing without them would cost it
    /// all capabilities. It has its own copy of the memory, because changing ids would make the parent's undumpable.
    WhenMapped,
}

/// A child about to be cloned. It borrows what the child reads before it executes, and so must outlive that moment.
#[derive(Debug)]
pub struct Spawn<'a> {
    between: Between,
    argv: [*const u8; 3],
    envp: [*const u8; 1],
    byte: u8,
    when: When,
    _executable: BorrowedFd<'a>,
}

impl<'a> Spawn<'a> {
    /// Prepares to run `executable` with arguments `name` and `argument`, an empty environment, and `socket` as its only
    /// new inherited descriptor. `parent_end` is the other end of that socket.
    pub fn new(
        executable: BorrowedFd<'a>,
        name: &'a CStr,
        argument: &'a CStr,
        socket: BorrowedFd<'a>,
        parent_end: BorrowedFd<'a>,
        when: When,
    ) -> Self {
        Self {
            between: Between {
                socket: socket.as_raw_fd().into(),
                parent_end: parent_end.as_raw_fd().into(),
                executable: executable.as_raw_fd().into(),
                path: c"".as_ptr().cast(),
                argv: ptr::null(),
                envp: ptr::null(),
                byte: ptr::null_mut(),
            },
            argv: [name.as_ptr().cast(), argument.as_ptr().cast(), ptr::null()],
            envp: [ptr::null()],
            byte: 0,
            when,
            _executable: executable,
        }
    }

    /// `pid_t clone3(struct clone_args *, size_t)` with `CLONE_PIDFD`, the namespaces `namespaces` (`CLONE_NEW*`), and
    /// `CLONE_INTO_CGROUP` where a cgroup directory is given.
    ///
    /// Keep `self` where it is until the child has executed (its first message, or its end). Until then the child reads the
    /// texts that it names, and nothing else of our memory; it writes none of it. If they are gone, it is the child that
    /// executes the wrong thing, or nothing.
    ///
    /// # Errors
    /// The kernel's answer. A failure to execute comes later, as the child's exit code.
    pub fn start<'s>(&'s mut self, namespaces: u32, cgroup: Option<BorrowedFd<'_>>) -> Result<Child<'s>> {
        let mut pidfd: RawFd = -1;
        let memory = match self.when {
            When::AtOnce => CLONE_VM | CLONE_VFORK,
            When::WhenMapped => 0,
        };
        let args = CloneArgs {
            flags: u64::from(namespaces)
                | CLONE_PIDFD
                | CLONE_CLEAR_SIGHAND
                | memory
                | if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 },
            pidfd: (&raw mut pidfd).addr() as u64,
            exit_signal: SIGCHLD,
            cgroup: cgroup.map_or(0, |fd| u64::try_from(fd.as_raw_fd()).unwrap_or(0)),
            ..CloneArgs::default()
        };
        self.between.argv = self.argv.as_ptr();
        self.between.envp = self.envp.as_ptr();
        self.between.byte = if self.when == When::WhenMapped { &raw mut self.byte } else { ptr::null_mut() };
        // SAFETY: `args` lives across the call. What the child reads later it only reads, by its own registers and system
        // calls, and it writes nothing that we share: the byte that it waits for is written in its own copy of the memory.
        let pid = answer(unsafe { arch::spawn(&raw const args, &raw const self.between) })?;
        // SAFETY: with CLONE_PIDFD the kernel has just stored a new descriptor here, and no one else has seen it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        Ok(Child { pid: pid_of(pid), pidfd, _spawn: core::marker::PhantomData })
    }
}

/// A child of [`Spawn::start`].
#[derive(Debug)]
pub struct Child<'s> {
    /// Its id in the caller's PID namespace.
    pub pid: Pid,
    /// Refers to it, whatever becomes of the id.
    pub pidfd: OwnedFd,
    _spawn: core::marker::PhantomData<&'s mut ()>,
}

/// Which of the two one is, after [`sibling`].
#[derive(Debug)]
pub enum Twin {
    /// The original; the copy's id (in the original's PID namespace) and its pidfd.
    Original(Pid, OwnedFd),
    /// The copy: child of the original's parent, in the new namespaces.
    Copy,
}

/// Evidence that this process has one thread, and that nothing in it minds going on twice.
#[derive(Debug, Clone, Copy)]
pub struct Alone(());

impl Alone {
    /// Vouches for it.
    ///
    /// # Safety
    /// The process must have a single thread for as long as the evidence is used, and nothing in it may depend on running
    /// only once (locks, buffers, destructors of shared things): a copy has all memory and all descriptors of the original.
    pub const unsafe fn vouch() -> Self {
        Self(())
    }
}

/// `CLONE_PARENT | CLONE_PIDFD`, in a clone(2): where no namespace is made a filter may be in force already. That it lets pass;
/// of clone3(2) filters cannot see the flags, and many do not let it.
const PLAIN: usize = 0x9000;

/// clone3(2) with `CLONE_PARENT | CLONE_PIDFD` and `namespaces`, or clone(2) where there are none: goes on twice, like fork(2).
///
/// # Errors
/// The kernel's answer.
pub fn sibling(_: Alone, namespaces: u32) -> Result<Twin> {
    match namespaces {
        0 => copy_of_me(How::Plain),
        _ => copy_of_me(How::With(u64::from(namespaces) | CLONE_PARENT, 0)),
    }
}

/// clone3(2) with `CLONE_PIDFD`: an ordinary child, like fork(2), whose end is signalled.
///
/// # Errors
/// The kernel's answer.
pub fn child(_: Alone) -> Result<Twin> {
    copy_of_me(How::With(0, SIGCHLD))
}

/// clone3(2) with arguments of size 0, which every kernel refuses that has it.
///
/// # Errors
/// `INVAL`; `NOSYS` before Linux 5.3.
pub fn refuse() -> Result<()> {
    // SAFETY: a size below the first version's is refused before anything is read, and nobody is cloned.
    unsafe { call(common::CLONE3, [0, 0]) }.map(drop)
}

/// Which call, and with what.
enum How {
    /// clone(2) with [`PLAIN`].
    Plain,
    /// clone3(2) with flags and exit signal.
    With(u64, u64),
}

fn copy_of_me(how: How) -> Result<Twin> {
    let mut pidfd: RawFd = -1;
    let place = (&raw mut pidfd).addr();
    let mut args = CloneArgs { pidfd: place as u64, ..CloneArgs::default() };
    let (number, arguments) = match how {
        // The third argument is the parent_tid of all architectures, where clone(2) puts the pidfd.
        How::Plain => (number::CLONE, [PLAIN, 0, place]),
        How::With(flags, exit_signal) => {
            (args.flags, args.exit_signal) = (flags | CLONE_PIDFD, exit_signal);
            (common::CLONE3, [(&raw const args).addr(), size_of::<CloneArgs>(), 0])
        }
    };
    // SAFETY: `args` and `pidfd` live across the call; `Alone` vouches that running on twice is sound.
    match unsafe { call(number, arguments) }? {
        0 => Ok(Twin::Copy),
        pid => {
            // SAFETY: with CLONE_PIDFD the kernel stored a new descriptor here, in the original only.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Twin::Original(pid_of(pid), pidfd))
        }
    }
}

fn pid_of(raw: usize) -> Pid {
    // The kernel's ids are 1 to 2^22.
    i32::try_from(raw).ok().and_then(Pid::from_raw).unwrap_or(Pid::INIT)
}
