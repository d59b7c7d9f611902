//! The terminal: a pair from the container's own devpts, on standard input, output and error.
//! Runs in: init, inside. The host opens nothing that the container named (CVE-2025-52565).

use brig_handshake::process::Terminal;
use brig_handshake::{Ask, Step};
use brig_sys::mount_setattr::Reach;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use rustix::{process, stdio};

use crate::beneath;
use crate::fault::{At, Outcome};
use crate::parent::Parent;
use crate::pivot::Inside;
use crate::rootfs::{attach, clone_tree};

/// Makes the pair, stands on its one end, and hands the other to the parent.
pub(crate) fn take(terminal: &Terminal, root: &OwnedFd, parent: &Parent, _: &Inside) -> Outcome<()> {
    parent.enters(Step::Terminal, 0);
    let (master, peer) = pair(root).at(Step::Terminal)?;
    if terminal.columns != 0 && terminal.rows != 0 {
        let size = Winsize { ws_row: terminal.rows, ws_col: terminal.columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).at(Step::Terminal)?;
    }
    if terminal.console {
        bind_console(root, &peer).at(Step::Terminal)?;
    }
    parent.ask_with(Step::Terminal, &Ask::TakeTerminal, &[master.as_fd()])?;
    stand_on(&peer).at(Step::Terminal)
}

fn pair(root: &OwnedFd) -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let master = fs::openat2(root, c"dev/pts/ptmx", flags, Mode::empty(), resolve)?;
    verify(&master)?;
    unlockpt(&master)?;
    // Straight from the master: no name that someone could have put in its place.
    let peer = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    Ok((master, peer))
}

/// A real devpts, and its multiplexer.
fn verify(master: &OwnedFd) -> Result<(), Errno> {
    const DEVPTS_SUPER_MAGIC: i64 = 0x1cd1;
    let genuine =
        fs::fstatfs(master)?.f_type == DEVPTS_SUPER_MAGIC && fs::fstat(master)?.st_rdev == fs::makedev(5, 2);
    if genuine { Ok(()) } else { Err(Errno::NODEV) }
}

fn bind_console(root: &OwnedFd, peer: &OwnedFd) -> Result<(), Errno> {
    let dev = beneath::resolve(root, c"/dev")?;
    let create = OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::CLOEXEC
        | OFlags::WRONLY
        | OFlags::NOCTTY
        | OFlags::NONBLOCK;
    match fs::openat(&dev, c"console", create, Mode::from_raw_mode(0o666)) {
        Ok(_) | Err(Errno::NXIO | Errno::NODEV) => {}
        Err(errno) => return Err(errno),
    }
    attach(clone_tree(peer, Reach::One)?, beneath::open_name(&dev, c"console", OFlags::PATH)?)
}

fn stand_on(peer: &OwnedFd) -> Result<(), Errno> {
    stdio::dup2_stdin(peer)?;
    stdio::dup2_stdout(peer)?;
    stdio::dup2_stderr(peer)?;
    process::ioctl_tiocsctty(peer)
}
