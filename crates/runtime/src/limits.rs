//! Limits between the plan, which decides them, and the cgroup, which takes them.
//! Runs in: the parent.

use brig_cgroup::NotSet;
use brig_plan::limits::{Refused, Shape, Write};

use rustix::io::Errno;

use crate::error::Error;

/// As the cgroup takes them.
pub(crate) fn borrowed(writes: &[Write]) -> Vec<brig_cgroup::Write<'_>> {
    writes
        .iter()
        .map(|write| brig_cgroup::Write {
            controller: &write.controller,
            file: &write.file,
            value: &write.value,
            refused: refused(&write.refused),
            shape: shape(&write.shape),
        })
        .collect()
}

fn refused(refused: &Refused) -> brig_cgroup::Refused<'_> {
    match refused {
        Refused::Fail => brig_cgroup::Refused::Fail,
        Refused::PassOver => brig_cgroup::Refused::PassOver,
        Refused::Again => brig_cgroup::Refused::Again,
        Refused::RaiseParents => brig_cgroup::Refused::RaiseParents,
        Refused::Instead { file, value } => brig_cgroup::Refused::Instead { file, value },
    }
}

fn shape(shape: &Shape) -> brig_cgroup::Shape<'_> {
    match shape {
        Shape::Value => brig_cgroup::Shape::Value,
        Shape::Lines { key, none } => brig_cgroup::Shape::Lines { key, none },
        Shape::Field { name } => brig_cgroup::Shape::Field { name },
    }
}

/// The controllers whose files are written, each once. Those of the core, which every cgroup has, are none's.
pub(crate) fn controllers<'w>(writes: impl IntoIterator<Item = &'w Write>) -> Vec<&'w str> {
    let mut names = Vec::new();
    for name in writes.into_iter().map(|write| &*write.controller).filter(|name| *name != "cgroup") {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// `why (linux.resources.memory.limit)`; `at` is where the resources stand in their document.
pub(crate) fn not_set(writes: &[Write], at: &str, NotSet { index, cause }: NotSet) -> Error {
    let write = writes.get(index);
    let field = write.map(|write| write.field.as_ref()).unwrap_or_default();
    let is_refused = matches!(cause.errno(), Some(Errno::INVAL | Errno::RANGE));
    let hint = write
        .filter(|_| is_refused)
        .map(|write| format!("the kernel does not take the value {}", write.value));
    Error::from(cause).because(hint).asked_for_by(format!("{at}{field}"))
}
