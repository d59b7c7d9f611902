//! A container's record, which whoever may write to the store could have written.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use brig_runtime::record::{Part, Stage, paths};
use brig_runtime::store::{ContainerId, Place, Store};

/// Any bytes as a record: what is read of it is written as the same record again.
pub fn record(bytes: &[u8]) {
    let (path, place) = place();
    fs::write(path.join("record"), bytes).unwrap();
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

/// One directory of this process's, in memory where there is some.
fn place() -> &'static (PathBuf, Place) {
    static PLACE: OnceLock<(PathBuf, Place)> = OnceLock::new();
    PLACE.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let top = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let root = top.join(format!("brig-hostile-{}", std::process::id()));
        let path = root.join("a");
        fs::create_dir_all(&path).unwrap();
        let place = Store::open(root).find(&ContainerId::new("a").unwrap()).unwrap();
        (path, place)
    })
}
