//! The container's class of service, between the intent and the first process.
//! Runs in: the parent, on the host.

use std::os::fd::AsFd;

use super::Making;
use crate::error::Result;
use crate::intel_rdt::{self, IntelRdt, Remove};
use crate::spawn::{self, Started};

impl<'m> Making<'m> {
    /// Makes what is missing. Where somebody was quicker the intent is written anew: it must not name what is not ours.
    pub(super) fn make_class(&mut self) -> Result<()> {
        let (Some(plan), Some(rdt)) = (&self.plan.intel_rdt, &mut self.intent.intel_rdt) else {
            return Ok(());
        };
        let intended = rdt.made.len();
        let made = intel_rdt::make(plan, rdt, &self.request.patience);
        self.class_is_made = true;
        let made_less = rdt.made.len() != intended;
        made?;
        if made_less { self.place.write_intent(&self.intent) } else { Ok(()) }
    }

    pub(super) fn join_class(&self, started: &Started) -> Result<()> {
        let Some(rdt) = &self.intent.intel_rdt else { return Ok(()) };
        intel_rdt::join(rdt, started.pid).inspect_err(|_| spawn::end(started.pidfd.as_fd()))
    }

    /// For the record: what `delete` removes.
    pub(super) fn kept_class(&self) -> Option<IntelRdt<'m>> {
        self.plan
            .intel_rdt
            .as_ref()
            .zip(self.intent.intel_rdt.as_ref())
            .map(|(plan, rdt)| intel_rdt::kept(plan, rdt))
    }

    /// For who undoes a creation that failed: before it was made, the intent tells only what was to be.
    pub(super) fn made_class(&self) -> Option<(&IntelRdt<'m>, Remove)> {
        self.intent.intel_rdt.as_ref().filter(|_| self.class_is_made).map(|rdt| (rdt, Remove::Unused))
    }
}
