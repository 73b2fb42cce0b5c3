use feed_me_domain::{
    Timestamp,
    backup::{BackupColumn, BackupHead, BackupRows, BackupTable, ColumnKind},
};

use super::{
    manifest::{Manifest, Unreadable},
    packing::{Packed, Packer, Unpacker},
};

fn head() -> BackupHead {
    let table = |name: &str| BackupTable {
        name: name.to_owned(),
        columns: vec![BackupColumn { name: "key".to_owned(), kind: ColumnKind::Integer }],
    };
    let tables = vec![table("users"), table("none"), table("activities")];
    BackupHead { schema: vec!["1".to_owned()], position: 7, tables }
}

fn rows(table: usize, count: usize, length: usize) -> BackupRows {
    BackupRows { table, rows: (0..count).map(|number| format!("[\"{number:length$}\"]")).collect() }
}

fn packed(batches: &[BackupRows]) -> Vec<Packed> {
    let mut packer = Packer::new(&head());
    let mut parts = Vec::new();
    for batch in batches {
        packer
            .take(batch, |part| {
                parts.push(part);
                Ok(())
            })
            .unwrap();
    }
    parts.extend(packer.close().unwrap());
    parts
}

fn unpacked(table: usize, part: &Packed, rows: u64) -> std::io::Result<Vec<String>> {
    let mut unpacker = Unpacker::new(table, rows, part.bytes.clone())?;
    let mut all = Vec::new();
    while let Some(rows) = unpacker.next()? {
        assert_eq!(rows.table, table);
        all.extend(rows.rows);
    }
    Ok(all)
}

#[test]
fn a_part_has_rows_of_one_table_and_an_end() {
    let batches = [rows(0, 3, 1), rows(2, 1000, 10_000), rows(2, 1000, 10_000), rows(2, 2, 1)];
    let parts = packed(&batches);
    let told: Vec<_> = parts.iter().map(|packed| (packed.part.name.as_str(), packed.part.rows)).collect();
    assert_eq!(
        told,
        [
            ("00001-users.ndjson.zst", 3),
            ("00002-activities.ndjson.zst", 2000),
            ("00003-activities.ndjson.zst", 2)
        ]
    );
    assert_eq!(unpacked(0, &parts[0], 3).unwrap(), batches[0].rows);
    let both = [batches[1].rows.clone(), batches[2].rows.clone()].concat();
    assert_eq!(unpacked(2, &parts[1], 2000).unwrap(), both);
    assert_eq!(parts[1].part.bytes, parts[1].bytes.len() as u64);
}

#[test]
fn more_or_fewer_rows_than_were_told_are_none() {
    let parts = packed(&[rows(0, 3, 1)]);
    for told in [0, 2, 4] {
        assert!(unpacked(0, &parts[0], told).is_err(), "{told}");
    }
}

#[test]
fn a_manifest_is_read_as_it_was_written_and_only_with_its_sums() {
    let parts = packed(&[rows(0, 3, 1)]).into_iter().map(|packed| packed.part).collect();
    let manifest = Manifest::new(&head(), Timestamp::EPOCH, parts);
    let json = manifest.to_json().unwrap();
    let sums = manifest.sums(&json);
    assert_eq!(sums.lines().count(), 2);
    let read = Manifest::read(&json, sums.as_bytes()).unwrap();
    assert_eq!((read.head(), read.rows(), read.parts.len()), (head(), 3, 1));
    let other = Manifest::new(&BackupHead { position: 8, ..head() }, Timestamp::EPOCH, Vec::new());
    let other = other.to_json().unwrap();
    assert!(matches!(Manifest::read(&other, sums.as_bytes()), Err(Unreadable::Damaged(_))));
    assert!(matches!(Manifest::read(b"[]", sums.as_bytes()), Err(Unreadable::Foreign)));
}
