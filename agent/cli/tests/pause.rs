//! The pause.

use windlass_api::pause::Pause;
use windlass_kit::api::ObjectRef;
use windlass_object::Object;

use crate::cluster::{alone, plane, run};

#[test]
fn a_pause_is_written_shown_by_every_command_and_ends() {
    let _guard = alone();
    let name = ObjectRef::new("v1", "ConfigMap", "flux-system", "windlass-pause");
    run(&["pause", "--for", "2h", "--reason", "database move"]).done();
    let written = Object::from_value(plane().admin().get(&name).unwrap()).unwrap();
    let pause = Pause::from_object(&written).unwrap();
    assert!(pause.until.is_some());
    assert_eq!(pause.reason, "database move");

    for command in [
        vec!["get", "all", "-A"],
        vec!["status"],
        vec!["logs"],
        vec!["events", "-A"],
    ] {
        let progress = run(&command).progress;
        assert!(
            progress.contains("⚠️ paused for 1") && progress.contains("database move"),
            "{progress}"
        );
    }
    let refused = run(&["reconcile", "ks", "any"]).failed().progress;
    assert!(
        refused.contains("► end the pause with `windlass unpause`"),
        "{refused}"
    );

    // A later pause without an end replaces the earlier one whole.
    run(&["pause"]).done();
    let written = Object::from_value(plane().admin().get(&name).unwrap()).unwrap();
    let pause = Pause::from_object(&written).unwrap();
    assert_eq!((pause.until, pause.reason.as_str()), (None, ""));

    assert_eq!(
        run(&["unpause"]).done().progress,
        "✔ the pause is over; nodes write again\n"
    );
    assert_eq!(run(&["unpause"]).done().progress, "✔ nothing is paused\n");
    assert!(!run(&["get", "all", "-A"]).progress.contains("paused"));
}
