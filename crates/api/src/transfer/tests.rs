use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use feed_me_adapters::{
    memory::MemoryStore,
    system::{SystemClock, SystemIds},
};
use feed_me_domain::{
    Timestamp,
    ports::Stores,
    services::TransferService,
    transfer::{OnBadRecord, Record},
};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

const ALL_KINDS: &[&str] = &[
    r#"{"username":"ivan","display_name":"Иван","created_at":"2019-01-01T00:00:00.000000Z"}"#,
    r#"{"username":"eric","display_name":null,"created_at":"2019-01-02T00:00:00.000000Z"}"#,
    r#"{"username":"niko","display_name":null,"created_at":"2019-01-03T00:00:00.000000Z"}"#,
    r#"{"id":"01688c2a-9c18-7000-8000-000000000001","actor":"eric","verb":"punched","object":"null","target":"niko","published":"2019-02-08T08:07:19.000001Z","edited_at":"2019-02-09T00:00:00.000000Z","external_id":"e-1","data":{"b":[1.0,1e5],"a":"\u00e9"}}"#,
    r#"{"id":"01688c2a-9c18-7000-8000-000000000002","actor":"ivan","verb":"like","object":null,"target":null,"published":"2019-02-08T08:07:19.000001Z","edited_at":null,"external_id":null,"data":{}}"#,
    r#"{"follower":"ivan","followee":"eric","since":"2019-03-01T00:00:00.000000Z","from":"2019-02-01T00:00:00.000000Z","kept":[{"from":null,"until":"2019-01-15T00:00:00.000000Z"}]}"#,
    r#"{"follower":"niko","followee":"eric","since":"2019-03-01T00:00:00.000000Z","from":null,"kept":[]}"#,
    r#"{"follower":"eric","followee":"ivan","since":null,"from":null,"kept":[{"from":"2019-01-01T00:00:00.000000Z","until":"2019-01-15T00:00:00.000000Z"}]}"#,
    r#"{"blocker":"ivan","blocked":"niko","since":"2019-04-01T00:00:00.000000Z"}"#,
    r#"{"muter":"niko","muted":"eric","since":"2019-04-02T00:00:00.000000Z"}"#,
];

fn started() -> Timestamp {
    Timestamp::from_ymd(2026, 1, 1).unwrap()
}

fn id_of(line: &str) -> String {
    match parse_line(line, started()).unwrap() {
        Record::Activity(activity) => activity.id.to_string(),
        other => panic!("{other:?}"),
    }
}

fn faults_of(line: &str) -> Vec<String> {
    parse_line(line, started()).unwrap_err().iter().map(ToString::to_string).collect()
}

/// An empty store, a folder for files, and what is imported into and exported from them.
struct World {
    stores: Stores,
    folder: tempfile::TempDir,
    reports: Vec<String>,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock), Arc::new(SystemIds)));
        Self { stores: Stores::of(store), folder: tempfile::tempdir().unwrap(), reports: Vec::new() }
    }

    fn service(&self, on_bad: OnBadRecord) -> TransferService {
        TransferService::new(self.stores.transfer.clone(), Arc::new(SystemClock), on_bad)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn lines(&self, lines: &[&str]) -> PathBuf {
        self.file("lines.ndjson", lines.join("\n").as_bytes())
    }

    async fn import(
        &mut self,
        files: &[PathBuf],
        on_bad: OnBadRecord,
    ) -> Result<ImportSummary, ImportFailure> {
        let plan = ImportPlan { files: files.to_vec(), on_bad, batch_size: 2 };
        let service = self.service(on_bad);
        import(&service, &plan, |line| self.reports.push(line.to_owned()), || Duration::ZERO).await
    }

    /// (new, already there, bad)
    async fn counts(&mut self, files: &[PathBuf], on_bad: OnBadRecord) -> (u64, u64, u64) {
        let summary = self.import(files, on_bad).await.unwrap();
        (summary.new, summary.already_there, summary.bad)
    }

    /// Every line of the store, file by file.
    async fn exported(&self) -> Vec<String> {
        let folder = self.folder.path().join("export");
        export(&self.service(OnBadRecord::Stop), &Destination::Folder(folder.clone()), false).await.unwrap();
        let names = ["users", "activities", "follows", "blocks", "mutes"];
        let files = names.map(|name| std::fs::read_to_string(folder.join(format!("{name}.ndjson"))).unwrap());
        files.iter().flat_map(|text| text.lines().map(str::to_owned)).collect()
    }
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// This id is what other databases hold: it must never change.
#[test]
fn the_id_of_a_line_is_fixed_for_ever() {
    let line = r#"{"actor":"dev-982ddec6d4","verb":"initial","object":"django-activity-stream:5b5de4a2fb42","target":null,"published":"2010-02-24T21:20:58Z"}"#;
    assert_eq!(id_of(line), "012701da-a290-7778-a049-2aa0c17e90da");
}

#[test]
fn space_order_escapes_and_offsets_do_not_matter_to_the_id() {
    let plain =
        r#"{"actor":"a","verb":"v","object":"é","published":"2010-02-24T21:20:58Z","data":{"x":[1,2]}}"#;
    for same in [
        r#" { "data" : { "x" : [ 1 , 2 ] } , "published":"2010-02-24T21:20:58Z", "verb":"v","object":"é","actor":"a" } "#,
        r#"{"actor":"\u0061","verb":"v","object":"\u00e9","published":"2010-02-24T21:20:58Z","data":{"x":[1,2]}}"#,
        r#"{"actor":"a","verb":"v","object":"é","published":"2010-02-24T23:20:58.0000009+02:00","data":{"x":[1,2]}}"#,
        r#"{"actor":"a","verb":"v","object":"é","target":null,"external_id":null,"edited_at":null,"id":null,"published":"2010-02-24T21:20:58Z","data":{"x":[1,2]}}"#,
    ] {
        assert_eq!(id_of(same), id_of(plain), "{same}");
    }
    for other in [
        r#"{"actor":"a","verb":"v","object":"e","published":"2010-02-24T21:20:58Z","data":{"x":[1,2]}}"#,
        r#"{"actor":"a","verb":"v","object":"é","published":"2010-02-24T21:20:58Z"}"#,
        r#"{"actor":"a","verb":"v","object":"é","target":"a","published":"2010-02-24T21:20:58Z","data":{"x":[1,2]}}"#,
        r#"{"actor":"a","verb":"v","object":"é","external_id":"a","published":"2010-02-24T21:20:58Z","data":{"x":[1,2]}}"#,
    ] {
        assert_ne!(id_of(other), id_of(plain), "{other}");
    }
}

#[test]
fn a_line_without_data_is_the_same_as_one_with_an_empty_object() {
    let without = r#"{"actor":"a","verb":"v","published":"1960-01-01T00:00:00Z"}"#;
    assert_eq!(
        id_of(without),
        id_of(r#"{"actor":"a","verb":"v","published":"1960-01-01T00:00:00Z","data":{}}"#)
    );
    assert!(id_of(without).starts_with("00000000-0000-7"));
}

#[test]
fn every_kind_of_line_is_read_and_written_as_it_was() {
    for line in ALL_KINDS {
        assert_eq!(&line_of(&parse_line(line, started()).unwrap()).unwrap(), line);
    }
}

#[test]
fn a_follow_without_since_began_with_the_import() {
    let line = r#"{"follower":"ivan","followee":"eric"}"#;
    let Record::Follow(follow) = parse_line(line, started()).unwrap() else { panic!() };
    let current = follow.current.unwrap();
    assert_eq!((current.since, current.from, follow.kept.len()), (started(), None, 0));
}

#[test]
fn every_fault_of_a_line_is_told() {
    let line = r#"{"actor":"","verb":7,"published":"yesterday","data":[],"verbs":"x","actor":"a"}"#;
    let faults = faults_of(line).join("\n");
    for part in ["actor: ", "verb: ", "published: ", "data: ", "verbs"] {
        assert!(faults.contains(part), "{part} in {faults}");
    }
    assert_eq!(faults.lines().count(), 6, "{faults}");
}

#[test]
fn what_is_no_record_is_refused() {
    for line in [
        "[]",
        "null",
        "{",
        "{}",
        r#"{"actor":"a","verb":"v"} x"#,
        r#"{"actor":"a","verb":"v"}"#,
        r#"{"actor":"a","verb":"v","published":null}"#,
        r#"{"actor":"a","verb":"v","published":"2010-02-24T21:20:58Z","target":""}"#,
        r#"{"actor":"a","verb":"v","published":"2010-02-24T21:20:58Z","follower":"a"}"#,
        r#"{"actor":"a","verb":"v","published":"2010-02-24T21:20:58Z","object":"\ud800"}"#,
        r#"{"actor":"a","verb":"v","published":"2010-02-24T21:20:58Z","data":{"a":1,"a":2}}"#,
        r#"{"id":"7","actor":"a","verb":"v","published":"2010-02-24T21:20:58Z"}"#,
        r#"{"id":"2f1b5f8e-7a3c-4d2e-9b1a-0c8d7e6f5a4b","actor":"a","verb":"v","published":"2010-02-24T21:20:58Z"}"#,
        r#"{"follower":"a"}"#,
        r#"{"follower":"a","followee":"b","since":null}"#,
        r#"{"follower":"a","followee":"b","since":null,"kept":[]}"#,
        r#"{"follower":"a","followee":"b","since":null,"from":"2010-02-24T21:20:58Z","kept":[{"until":"2010-02-24T21:20:58Z"}]}"#,
        r#"{"follower":"a","followee":"b","kept":[{"from":"2010-02-24T21:20:58Z"}]}"#,
        r#"{"follower":"a","followee":"b","kept":[{"from":"2010-02-24T21:20:58Z","until":"2010-02-24T21:20:57Z"}]}"#,
        r#"{"follower":"a","followee":"b","kept":{}}"#,
        r#"{"follower":"a","followee":"b","kept":[1]}"#,
        r#"{"username":"a","display_name":""}"#,
        r#"{"blocker":"a","blocked":"b"}"#,
        r#"{"muter":"a","muted":7,"since":"2010-02-24T21:20:58Z"}"#,
    ] {
        assert!(!faults_of(line).is_empty(), "{line}");
    }
}

#[tokio::test]
async fn what_is_exported_and_imported_elsewhere_is_the_same() {
    let mut one = World::new();
    let file = one.lines(ALL_KINDS);
    assert_eq!(one.counts(&[file], OnBadRecord::Stop).await, (10, 0, 0));
    let exported = one.exported().await;
    assert_eq!(exported, ALL_KINDS);

    let mut other = World::new();
    let files = ["activities", "blocks", "follows", "mutes", "users"]
        .map(|name| one.folder.path().join("export").join(format!("{name}.ndjson")));
    assert_eq!(other.counts(&files, OnBadRecord::Stop).await, (10, 0, 0));
    assert_eq!(other.exported().await, exported);
    assert_eq!(other.counts(&files, OnBadRecord::Stop).await, (0, 10, 0));
    assert_eq!(other.exported().await, exported);
}

#[tokio::test]
async fn gzip_is_told_by_its_first_bytes_and_may_have_several_members() {
    let mut world = World::new();
    let half = ALL_KINDS.len() / 2;
    let mut bytes = gzipped(&(ALL_KINDS[..half].join("\n") + "\n"));
    bytes.extend(gzipped(&ALL_KINDS[half..].join("\n")));
    let file = world.file("no-suffix", &bytes);
    assert_eq!(world.counts(&[file], OnBadRecord::Stop).await, (10, 0, 0));

    let folder = world.folder.path().join("zipped");
    export(&world.service(OnBadRecord::Stop), &Destination::Folder(folder.clone()), true).await.unwrap();
    let files = ["users", "activities", "follows", "blocks", "mutes"]
        .map(|name| folder.join(format!("{name}.ndjson.gz")));
    assert_eq!(World::new().counts(&files, OnBadRecord::Stop).await, (10, 0, 0));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 5);
}

#[tokio::test]
async fn a_file_that_ends_too_early_is_a_failure_that_names_it() {
    let mut world = World::new();
    let bytes = gzipped(&ALL_KINDS.join("\n"));
    let file = world.file("cut.gz", &bytes[..bytes.len() - 20]);
    let message = world.import(&[file], OnBadRecord::Skip).await.unwrap_err().to_string();
    assert!(message.contains("cut.gz"), "{message}");
    let message = world.import(&["nowhere".into()], OnBadRecord::Skip).await.unwrap_err().to_string();
    assert!(message.contains("cannot read nowhere"), "{message}");
}

#[tokio::test]
async fn a_bad_line_stops_the_import_with_nothing_of_its_batch() {
    let mut world = World::new();
    let mut lines = ALL_KINDS.to_vec();
    lines.insert(3, r#"{"actor":"eric","verb":""}"#);
    lines.insert(1, "");
    let file = world.lines(&lines);
    let failure = world.import(&[file], OnBadRecord::Stop).await.unwrap_err();
    let ImportFailure::BadLine { line, stored } = failure else { panic!("{failure}") };
    assert_eq!((line.number, stored), (5, 2));
    assert_eq!(line.faults.len(), 2);
    assert_eq!(world.exported().await, ALL_KINDS[..2]);
}

#[tokio::test]
async fn bad_lines_can_be_left_out_and_are_told() {
    let mut world = World::new();
    let mut lines = ALL_KINDS.to_vec();
    lines.insert(3, r#"{"actor":"eric","verb":""}"#);
    lines.push(r#"{"follower":"ivan","followee":"ivan"}"#);
    lines.push(r#"{"actor":"ivan","verb":"v","published":"9000-01-01T00:00:00Z"}"#);
    let file = world.lines(&lines);
    assert_eq!(world.counts(&[file], OnBadRecord::Skip).await, (10, 0, 3));
    assert_eq!(world.exported().await, ALL_KINDS);
    let told: Vec<_> = world.reports.iter().filter(|line| line.contains("lines.ndjson, line ")).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("line 4: ") && told[1].contains("line 12: ") && told[2].contains("line 13: "));
}

#[tokio::test]
async fn a_line_too_long_or_not_utf_8_is_a_bad_line_and_the_next_one_is_read() {
    let mut world = World::new();
    let mut bytes = ALL_KINDS[0].as_bytes().to_vec();
    bytes.extend(b"\r\n\xFF\n");
    bytes.extend(vec![b' '; 3 * 1024 * 1024]);
    bytes.extend(b"\n \t\r\n");
    bytes.extend(ALL_KINDS[1].as_bytes());
    let file = world.file("odd.ndjson", &bytes);
    assert_eq!(world.counts(&[file], OnBadRecord::Skip).await, (2, 0, 2));
    assert!(world.reports[0].contains("line 2: is not valid UTF-8"), "{:?}", world.reports);
    assert!(world.reports[1].contains("line 3: is longer than"), "{:?}", world.reports);
}

#[tokio::test]
async fn reports_of_bad_lines_have_an_end() {
    let mut world = World::new();
    let file = world.lines(&["x"; 500]);
    assert_eq!(world.counts(&[file], OnBadRecord::Skip).await, (0, 0, 500));
    assert_eq!(world.reports.len(), 101);
}

#[tokio::test]
async fn a_failed_export_leaves_nothing_behind() {
    let world = World::new();
    let folder = world.folder.path().join("taken");
    std::fs::create_dir_all(folder.join("activities.ndjson")).unwrap();
    let exported =
        export(&world.service(OnBadRecord::Stop), &Destination::Folder(folder.clone()), false).await;
    assert!(exported.is_err());
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("unfinished")), "{left:?}");
}

proptest! {
    #[test]
    fn any_line_is_read_or_refused_with_a_reason(
        text in prop_oneof![
            "[\\PC\\x00-\\x20\"{}\\[\\]:,\\\\]{0,200}",
            "\\{\"(actor|verb|follower|username|kept|muter|data)\":(1|null|\"a\"|\\[\\{\\}\\]|\\{\"a\":1\\})\\}",
        ],
    ) {
        if let Err(faults) = parse_line(&text, started()) {
            prop_assert!(!faults.is_empty());
        }
    }

    #[test]
    fn what_a_line_says_is_what_is_written_again(
        (actor, verb) in ("[a-zé]{1,8}", "\\PC{1,20}"),
        object in proptest::option::of("\\PC{0,40}"),
        micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999,
    ) {
        let line = serde_json::json!({
            "actor": actor, "verb": verb, "object": object,
            "published": Timestamp::from_micros(micros).unwrap().to_rfc3339(),
        });
        let record = parse_line(&line.to_string(), started()).unwrap();
        prop_assert_eq!(&parse_line(&line_of(&record).unwrap(), started()).unwrap(), &record);
    }
}
