//! A container's record, which whoever may write to the store could have written.

use std::fs;

use brig_runtime::record::{Part, Stage, paths};
use brig_runtime::store::{ContainerId, Place, Store};

use crate::folder::Folder;

/// Any bytes as a record: what is read of it is written as the same record again.
pub fn record(bytes: &[u8]) {
    FOLDER.with(|(folder, place)| {
        fs::write(folder.join("a/record"), bytes).unwrap();
        read_and_write(place);
    });
}

fn read_and_write(place: &Place) {
    if let Ok(Some(head)) = place.record(Part::Head) {
        drop(head.stage().map(|stage| paths(stage.cgroup())));
    }
    let Ok(Some(file)) = place.record(Part::Whole) else { return };
    let (stage, template, filter) = (file.stage(), file.exec_template(), file.filter().ok());
    let rewritten = match (&stage, &template, filter) {
        (Ok(Stage::Intent(intent)), _, Some([])) if file.ready().is_err() => place.write_intent(intent),
        (Ok(Stage::Ready(record)), Ok(template), Some(filter)) => {
            place.write_record(record, template, filter)
        }
        _ => return,
    };
    rewritten.unwrap();
    let again = place.record(Part::Whole).unwrap().unwrap();
    assert_eq!(again.stage().ok().as_ref().map(text), stage.ok().as_ref().map(text));
    assert_eq!(again.filter().ok(), filter);
}

fn text(stage: &Stage<'_>) -> String {
    format!("{stage:?}")
}

thread_local! {
    static FOLDER: (Folder, Place) = {
        let folder = Folder::new();
        fs::create_dir(folder.join("a")).unwrap();
        let place = Store::open(folder.path()).find(&ContainerId::new("a").unwrap()).unwrap();
        (folder, place)
    };
}
