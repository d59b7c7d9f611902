//! What the parent does for a container's first process when it asks.
//! Runs in: the parent, on the host.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use brig_handshake::{Fault, Step};
use brig_plan::plan::IdMaps;
use brig_sys::close_range;
use rustix::io::Errno;
use rustix::process::Pid;

use super::Making;
use crate::error::{Error, Result, best_effort};
use crate::hooks::{self, Hooks};
use crate::network::{Network, Where};
use crate::parent::{self, Desk};
use crate::patience::Patience;
use crate::status::Status;
use crate::terminal::Terminals;
use crate::timeline::Timeline;
use crate::{sources, spawn, state, words};

/// `CLONE_NEWNET`.
const NETWORK: u32 = 0x4000_0000;

pub(super) struct InitDesk<'d, 'm> {
    pub(super) making: &'d Making<'m>,
    /// The filter's program; empty: none.
    pub(super) filter: Cow<'static, [u8]>,
    pub(super) terminals: Terminals<'d>,
    /// The master of a foreground terminal.
    pub(super) terminal: Option<OwnedFd>,
    /// What was set up for it.
    pub(super) network: Option<Network>,
}

impl InitDesk<'_, '_> {
    fn maps(&self) -> Option<&IdMaps> {
        self.making.plan.start.id_maps.as_ref()
    }

    fn document(&self, pid: Pid) -> String {
        let number = pid.as_raw_nonzero().get().cast_unsigned();
        state::document(&self.making.plan.facts, Status::Creating, Some(number))
    }
}

impl Desk for InitDesk<'_, '_> {
    fn map_ids(&mut self, pid: Pid) -> Result<()> {
        match self.maps() {
            Some(maps) => spawn::map_ids(pid, maps, &self.making.request.patience),
            None => Err(Error::step(Step::MapIds, "", Errno::INVAL)),
        }
    }

    fn open_source(&mut self, mount: u32, opened: Option<OwnedFd>, pid: Pid) -> Result<OwnedFd, Errno> {
        sources::open(self.making.plan, mount, opened, Some(pid), &self.making.joined)
    }

    fn set_up_network(&mut self, inside: OwnedFd, pid: Pid) -> Result<()> {
        let plan = self.making.plan;
        let joined = plan.start.join.iter().find(|join| join.kind == NETWORK);
        let namespace = joined.map_or_else(
            || format!("/proc/{}/ns/net", pid.as_raw_nonzero()),
            |join| join.path.to_string_lossy().into_owned(),
        );
        let at = Where { inside, name: &namespace, store: self.making.store.root() };
        self.network = Some(Network::set_up(&plan.network, &self.making.intent.network, at)?);
        Ok(())
    }

    fn finish_walls(&mut self) -> Result<()> {
        self.making.restrict_devices()
    }

    fn run_hooks(&mut self, pid: Pid) -> Result<()> {
        let preserved = self.making.plan.task.fds.preserved;
        if preserved > 0 {
            // They were left to us for the container, which has its copies by now, and are not for hooks.
            best_effort(close_range::mark(3, 2 + preserved), "before Linux 5.11 hooks get them too");
        }
        let document = self.document(pid);
        let bundle = Some(self.making.request.bundle);
        let hooks = &self.making.plan.hooks;
        let run = |list, hooks| hooks::run_within(self.patience(), list, hooks, document.as_bytes(), bundle);
        run(Hooks::Prestart, &hooks.prestart)
            .and_then(|()| run(Hooks::CreateRuntime, &hooks.create_runtime))
            // In the middle of what brig-init does, as in runc.
            .map_err(|error| error.within("error during container init"))
    }

    fn take_terminal(&mut self, master: OwnedFd) -> Result<()> {
        self.terminal = self.terminals.take(master)?;
        Ok(())
    }

    fn take_listener(&mut self, listener: OwnedFd, pid: Pid) -> Result<()> {
        let number = pid.as_raw_nonzero().get().cast_unsigned();
        crate::listener::hand_over(listener, number, &self.making.plan.exec, &self.document(pid))
    }

    fn ready(&mut self, pid: Pid) -> Result<()> {
        self.making.set_late_limits()?;
        parent::set_limits(pid, &self.making.plan.limits)
    }

    fn prepare(&mut self, pid: Pid) -> Result<()> {
        self.making.prepare_record(pid, &self.filter)
    }

    fn settle(&mut self, pidfd: &OwnedFd) -> Result<()> {
        log::debug!("{}", Step::Record.name());
        self.making.place.settle_record()?;
        let receiver = self
            .making
            .plan
            .pidfd_receiver
            .as_ref()
            .map(|path| Path::new(OsStr::from_bytes(path.to_bytes())));
        for socket in self.making.request.pidfd_socket.into_iter().chain(receiver) {
            crate::terminal::send_descriptor(socket, b"standard", pidfd)?;
        }
        Ok(())
    }

    fn patience(&self) -> &Patience {
        &self.making.request.patience
    }

    fn timeline(&self) -> Option<&Timeline> {
        self.making.request.timeline
    }

    fn words(&self, fault: &Fault<'_>) -> Error {
        words::of_init(self.making.plan, fault)
    }

    fn note(&self, fault: &Fault<'_>) {
        words::note(fault);
    }
}
