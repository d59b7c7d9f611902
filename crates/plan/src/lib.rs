//! From config.json to a plan: text to types, rules, and every decision of a container, taken once.
//! Runs in: the parent; pure, nothing here touches the machine.
//!
//! [`plan()`] is a total function of what config.json says, what the machine is, and what the caller chose. After it
//! returns nobody reads config.json again. `X` is decided in `X.rs` here and done in the file of the same name in
//! `brig-init`, in the runtime, or in the crate `brig-cgroup`.
//!
//! What a plan does not know is listed in [`plan`](mod@plan).
#![forbid(unsafe_code)]

pub mod spec;

pub mod load;

pub mod refusal;

pub mod rules;

pub mod annotations;

pub mod host;
pub mod options;

pub mod plan;

mod make;

mod namespaces;

mod id_maps;

mod rootfs;

mod mounts;

mod mount_options;

mod cgroup_mount;

mod devices;

mod device_rules;

mod device_filter;

mod paths;

mod sysctl;

mod process;

mod environment;

mod capabilities;

mod rlimits;

mod scheduler;

pub mod seccomp;

mod hooks;

mod state;

pub mod network;

mod cgroup;

pub mod resources;
pub mod systemd;

pub mod limits;

pub mod intel_rdt;

pub mod checkpoint;

pub mod exec;

mod explain;

mod kernel;
mod text;

pub use capabilities::capability_name;
pub use device_rules::rules_of as device_rules;
pub use explain::Risk;
pub use make::plan;
pub use state::{OCI_VERSION, document, json_string};
