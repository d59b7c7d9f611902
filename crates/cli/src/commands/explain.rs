//! `explain`: the plan of a bundle, as `run` would carry it out. Nothing is made. Runs in: parent.

use std::cell::OnceCell;

use brig_runtime::{
    create::{self, Request, Streams},
    store::ContainerId,
};

use super::{Outcome, print_and_succeed, store};
use crate::args::{
    Global,
    command::{ExplainArgs, ExplainFormat},
};

/// Stands where the container's id will be.
const ID: &str = "ID";

pub(super) fn run(global: &Global, args: ExplainArgs) -> Outcome {
    let terminal = OnceCell::new();
    let bundle = store::absolute(&args.bundle)?;
    let request = Request {
        streams: Streams::Foreground(&terminal),
        rootless_cgroups: store::rootless(global),
        in_user_namespace: store::in_user_namespace(),
        systemd: store::systemd(global),
        ..Request::of(&bundle)
    };
    let text = create::with_plan(&ContainerId::new(ID)?, &store::open(global)?, &request, |plan, _| {
        Ok(match args.format {
            ExplainFormat::Text => plan.explain(),
            ExplainFormat::Json => plan.explain_json() + "\n",
        })
    })?;
    print_and_succeed(&text)
}
