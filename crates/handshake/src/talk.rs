//! Ask and reply.
//!
//! A message is its length (u32, without itself) and its encoding. `brig-init` asks; the parent answers. Descriptors travel
//! beside the first byte of the message that names them.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::step::Step;
use crate::timeline::Reading;
use crate::{wire_enum, wire_struct};

wire_enum! {
    /// What `brig-init` wants, by name. Those marked "one way" are not answered.
    pub enum Ask<'a> {
        /// I cloned the container's process and leave; this is its id in our common PID namespace, its pidfd is beside this.
        Spawned(pid: u32) = 1,
        /// Write the id maps of the process that asks.
        MapIds = 2,
        /// Open the source of this bind mount, unless its tree is beside this; the detached tree comes beside the answer. The
        /// number is the place in the task's list.
        OpenSource(mount: u32) = 3,
        /// The file system is there: run prestart and createRuntime hooks, and set up what needs the finished namespaces.
        RunHooks = 4,
        /// The terminal's master is beside this: keep or hand on.
        TakeTerminal = 5,
        /// The filter's listener: its number in the process that asks.
        TakeListener(fd: u32) = 6,
        /// The file system is finished: set the limits that only the parent may set.
        Ready = 7,
        /// One way: nothing but the gate and `execve` is left. The parent writes the record.
        AtGate = 8,
        /// One way: it failed, and `brig-init` leaves.
        Failed(fault: Fault<'a>) = 9,
        /// Finish the walls of the cgroup: device rules. The answer is waited for later, before anything of the container's
        /// own runs.
        FinishWalls = 11,
        /// Set up the network: a route socket of the container's network namespace is beside this. The answer is waited for
        /// later, before anything that may be about the devices.
        SetUpNetwork = 12,
        /// One way, and only where the parent wants to hear of it: this step, or those from it on, begin now.
        Begins(step: Step) = 13,
        /// One way: something was asked for that this kernel or these rights do not allow, and that may be left out.
        Note(fault: Fault<'a>) = 10,
        /// One way, and only where the parent wants to know: where the time went until now. Before the last word.
        Timeline(readings: Vec<Reading>) = 14,
    }
}

wire_enum! {
    /// The parent's answer.
    pub enum Reply {
        /// It is done.
        Done = 1,
        /// It is not, and the parent knows why: `brig-init` leaves without another word.
        Failed = 2,
        /// The mount source could not be opened, with this errno.
        NoSource(errno: i32) = 3,
    }
}

wire_struct! {
    /// Why `brig-init` stopped, or what it left out. The parent, which has the plan, turns it into words.
    pub struct Fault<'a> {
        /// What it was doing.
        pub step: Step,
        /// Which entry of the list that the step works through.
        pub index: u32,
        /// The kernel's answer; 0 where [`Fault::text`] says all.
        pub errno: i32,
        /// What only the step knew: a resolved path, a hook's output.
        pub text: Cow<'a, [u8]>,
    }
}
