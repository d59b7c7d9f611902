//! Where containers are kept. Runs in: parent.

use std::path::PathBuf;

use brig_runtime::store::Store;

use crate::{args::{Global, command::Rootless}, exit::Failure};

pub(super) fn open(global: &Global) -> Result<Store, Failure> {
    Ok(Store::open(global.root.clone().unwrap_or_else(|| PathBuf::from("/run/brig"))))
}

pub(super) fn rootless(global: &Global) -> bool {
    global.rootless == Rootless::Yes
}

pub(super) fn failure(error: brig_runtime::Error) -> Failure {
    Failure::new(error.to_string())
}
