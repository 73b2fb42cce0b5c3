//! Backups in object storage. The server that speaks S3's protocol is moto; `scripts/with-s3` starts one.

use std::{process::Command, time::Duration};

use super::{backed_up, everything};
use crate::kit::{Place, Store};

const SECRET: &str = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY";

fn endpoint() -> String {
    std::env::var("FEEDME_TEST_S3_ENDPOINT").unwrap_or_else(|_| {
        panic!(
            "FEEDME_TEST_S3_ENDPOINT is not set, and this test needs object storage: \
             run it as `scripts/with-s3 cargo nextest run …`"
        )
    })
}

fn in_cloud(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint())
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "us-east-1");
    command
}

#[track_caller]
fn run(place: &Place, arguments: &[&str]) -> (bool, String) {
    let output = in_cloud(place, arguments).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(!told.contains(SECRET), "a secret was told: {told}");
    (output.status.success(), told)
}

async fn bucket(name: &str) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
    let made = client.put(format!("{}/{name}", endpoint())).send().await.unwrap();
    assert!(made.status().is_success(), "{made:?}");
}

#[tokio::test]
async fn a_backup_in_object_storage_comes_back() {
    let name = format!("feed-me-{}", std::process::id());
    bucket(&name).await;
    let (old, _) = backed_up(Store::Sqlite).await;
    let kept = format!("s3://{name}/nightly/one");
    let (is_done, told) = run(old.place(), &["backup", &kept]);
    assert!(is_done && told.contains(&kept), "{told}");
    let (is_done, told) = run(old.place(), &["backup", &kept]);
    assert!(!is_done && told.contains("already"), "{told}");
    let (is_done, told) = run(old.place(), &["restore", "--check", &kept]);
    assert!(is_done && told.contains("is whole"), "{told}");

    let place = Place::fresh(Store::Sqlite);
    for missing in [format!("s3://{name}/nightly"), "s3://feed-me-nowhere/x".to_owned()] {
        let (is_done, told) = run(&place, &["restore", &missing]);
        assert!(!is_done && told.contains("there is no backup"), "{told}");
    }
    let (is_done, told) = run(&place, &["restore", &kept]);
    assert!(is_done, "{told}");
    let new = place.serve();
    super::assert_same(&everything(&new).await, &everything(&old).await);
}

#[tokio::test]
async fn storage_that_takes_nothing_fails_the_backup() {
    let (old, _) = backed_up(Store::Sqlite).await;
    let (is_done, told) = run(old.place(), &["backup", "s3://feed-me-nowhere/x"]);
    assert!(!is_done && told.contains("cannot store: s3://feed-me-nowhere/x"), "{told}");
}
