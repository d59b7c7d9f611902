//! Hooks that run inside: createContainer (before the root switch) and startContainer (just before the user's program).

use alloc::vec::Vec;

use crate::wire::Text;
use crate::wire_struct;

wire_struct! {
    /// The hooks that `brig-init` runs.
    pub struct InitHooks<'a> {
        /// Container mount namespace, before the root switch, with an empty environment of their own.
        pub create_container: Vec<Hook<'a>>,
        /// In the container, with everything dropped that the user's process has dropped.
        pub start_container: Vec<Hook<'a>>,
        /// The state document up to the process id, status "creating".
        pub creating: Text<'a>,
        /// The state document up to the process id, status "created".
        pub created: Text<'a>,
        /// The state document after the process id.
        pub rest: Text<'a>,
    }
}

wire_struct! {
    /// One hook.
    pub struct Hook<'a> {
        /// Absolute path.
        pub path: Text<'a>,
        /// `argv`, as given; the path where the configuration has none.
        pub args: Vec<Text<'a>>,
        /// Environment.
        pub env: Vec<Text<'a>>,
        /// Milliseconds until it is killed; `None`: the handshake's own deadline.
        pub timeout: Option<u32>,
    }
}
