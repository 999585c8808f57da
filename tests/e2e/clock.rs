//! A clock that is far from DynamoDB's.

use dynamodb_emulator::{Emulator, Options};
use e2e::between::Between;
use e2e::{Gavel, soon};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_far_from_dynamodbs_is_reported_and_degrades_the_server() {
    let emulator = Emulator::start(Options::default()).await.unwrap();
    let between = Between::start(&emulator.endpoint()).await;
    let gavel = Gavel::with(&["--dynamodb", &between.url]).await;
    let readyz = async || {
        let (status, body) = gavel.get("/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        (
            status,
            body["state"].as_str().unwrap().to_owned(),
            body["clock"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(readyz().await.2, "ok");
    for (later_by_s, side) in [(-3600, "ahead of"), (3600, "behind")] {
        between.date_later_by(later_by_s);
        soon("it is noticed", || async { readyz().await.2.contains(side) }).await;
        let (status, state, clock) = readyz().await;
        assert_eq!((status, state.as_str()), (200, "degraded"), "{clock}");
        let ahead_s = gavel.metric("gavel_clock_skew_seconds").await;
        assert!((ahead_s + later_by_s as f64).abs() < 2.0, "{ahead_s}");
    }
    between.date_later_by(0);
    soon("it is right again", || async { readyz().await.1 == "serving" }).await;
    assert!(gavel.metric("gavel_clock_skew_seconds").await.abs() < f64::EPSILON);
    gavel.stop().await.unwrap();
    emulator.shutdown().await;
}
