//! `explain`: the plan of a bundle, as `run` would carry it out. Nothing is made. Runs in: parent.

use std::{cell::OnceCell, path::Path};

use brig_plan::plan::Plan;
use brig_runtime::{
    create::{self, Request, Streams},
    store::ContainerId,
};

use super::{Outcome, print_and_succeed, store};
use crate::{
    args::{
        Global,
        command::{ExplainArgs, ExplainFormat},
    },
    exit::Failure,
};

/// Stands where the container's id will be.
const ID: &str = "ID";

pub(super) fn run(global: &Global, args: ExplainArgs) -> Outcome {
    let bundle = store::absolute(&args.bundle)?;
    let text = match args.against {
        None => planned(global, &bundle, |plan| {
            Ok(match args.format {
                ExplainFormat::Text => plan.explain_whole(),
                ExplainFormat::Json => plan.explain_json() + "\n",
            })
        })?,
        Some(other) => {
            let other = store::absolute(&other)?;
            planned(global, &bundle, |plan| {
                planned(global, &other, |other| {
                    Ok(match args.format {
                        ExplainFormat::Text => plan.explain_against(other),
                        ExplainFormat::Json => plan.explain_against_json(other) + "\n",
                    })
                })
            })?
        }
    };
    print_and_succeed(&text)
}

/// What `with` makes of the plan of a bundle.
fn planned(
    global: &Global,
    bundle: &Path,
    with: impl FnOnce(&Plan<'_>) -> Result<String, Failure>,
) -> Result<String, Failure> {
    let terminal = OnceCell::new();
    let request = Request {
        streams: Streams::Foreground(&terminal),
        rootless_cgroups: store::rootless(global),
        in_user_namespace: store::in_user_namespace(),
        systemd: store::systemd(global),
        ..Request::of(bundle)
    };
    create::with_plan(&ContainerId::new(ID)?, &store::open(global)?, &request, |plan, _| Ok(with(plan)))?
}
