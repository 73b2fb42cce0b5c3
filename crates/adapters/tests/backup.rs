//! Backups of whole databases: every table is in them, and what one database gave either takes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/postgres.rs"]
mod fresh_postgres;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection,
    sql_query, sql_types::Text,
};
use feed_me_adapters::{
    postgres::{PgOptions, PgStore, migrations},
    sqlite::{Access, SqliteOptions, SqliteStore},
    system::{SystemClock, SystemIds},
};
use feed_me_domain::{
    backup::{BackupHead, BackupPiece, BackupRows, IfNotEmpty, RestoreRefusal, Restored},
    ports::BackupRepository,
};
use fresh_postgres::FreshDatabase;
use tempfile::TempDir;

/// A database with the present schema.
enum Database {
    Sqlite(Arc<SqliteStore>, TempDir),
    Postgres(Arc<PgStore>, FreshDatabase),
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("feed-me.db")
}

impl Database {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            path: file_in(&folder),
            access: Access::ReadWrite { pages_max: None },
            readers: 2,
            acquire_timeout: Duration::from_secs(30),
            commit_group_max: 256,
        };
        let store = SqliteStore::open(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap();
        store.migrate().await.unwrap();
        Self::Sqlite(Arc::new(store), folder)
    }

    fn postgres() -> Self {
        let database = FreshDatabase::new();
        migrations::run_pending(&database.url).unwrap();
        let options = PgOptions {
            url: database.url.clone(),
            pool_size: 2,
            acquire_timeout: Duration::from_secs(30),
            commit_group_max: 256,
        };
        let store = PgStore::connect(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap();
        Self::Postgres(Arc::new(store), database)
    }

    fn backups(&self) -> Arc<dyn BackupRepository> {
        match self {
            Self::Sqlite(store, ..) => store.clone(),
            Self::Postgres(store, _) => store.clone(),
        }
    }

    fn run(&self, statements: &str) {
        match self {
            Self::Sqlite(_, folder) => {
                let mut conn = SqliteConnection::establish(file_in(folder).to_str().unwrap()).unwrap();
                conn.batch_execute(statements).unwrap();
            }
            Self::Postgres(_, database) => {
                PgConnection::establish(&database.url).unwrap().batch_execute(statements).unwrap();
            }
        }
    }

    fn names(&self, query: &str) -> BTreeSet<String> {
        #[derive(QueryableByName)]
        struct Name {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let rows: Vec<Name> = match self {
            Self::Sqlite(_, folder) => {
                let mut conn = SqliteConnection::establish(file_in(folder).to_str().unwrap()).unwrap();
                sql_query(query).load(&mut conn).unwrap()
            }
            Self::Postgres(_, database) => {
                sql_query(query).load(&mut PgConnection::establish(&database.url).unwrap()).unwrap()
            }
        };
        rows.into_iter().map(|row| row.name).collect()
    }

    /// All tables of the schema, as the database itself lists them.
    fn tables(&self) -> BTreeSet<String> {
        let mut tables = self.names(match self {
            Self::Sqlite(..) => {
                "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'"
            }
            Self::Postgres(..) => {
                "select table_name::text as name from information_schema.tables where table_schema = 'public'"
            }
        });
        assert!(tables.remove("__diesel_schema_migrations"));
        tables
    }

    /// Rows with what is hard to carry: the ends of times and numbers, bytes of all kinds, texts with anything in them.
    fn fill(&self) {
        let is_sqlite = matches!(self, Self::Sqlite(..));
        let id = |hex: &str| if is_sqlite { format!("x'{hex}'") } else { format!("'{hex}'::uuid") };
        let bytes = |hex: &str| if is_sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") };
        let time = |micros: i64| match self {
            Self::Sqlite(..) => micros.to_string(),
            Self::Postgres(..) => {
                let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
                format!(
                    "(timestamptz 'epoch' + {seconds} * interval '1 second' + {rest} * interval '1 microsecond')"
                )
            }
        };
        let text = "line one\nline \"two\" \\ \t é 😀 {\"a\":[1.50,-0.0]} ?1 $1 '' \u{1}\u{7f}\u{2028}";
        let (first, last) = (time(-62_135_596_800_000_000), time(253_402_300_799_999_999));
        let (one, two) = (id("00000000000070008000000000000001"), id("ffffffffffff7fffbfffffffffffffff"));
        self.run(&format!(
            "insert into users (key, id, username, display_name, created_at, named_at, following, followers, activities)
                values (9223372036854775807, {one}, 'a', '{text}', {first}, {last}, 1, 2, 3),
                       (1, {two}, '{text}', null, {last}, {first}, 0, 0, 0);
            insert into activities (id, actor, verb, object, target, published, edited_at, external_id, data, version)
                values ({one}, 9223372036854775807, 'v', '{text}', 1, {first}, null, '', '{{\"x\":\"{x}\"}}', 2147483647),
                       ({two}, 1, 'v', null, null, {last}, {first}, null, '{{}}', 1);
            insert into follows (follower, followee, since, ordinal, visible_from)
                values (1, 9223372036854775807, {last}, -9223372036854775807, null);
            insert into idempotency (scope, content, status, location, body, at)
                values ({empty}, {every}, 201, null, '{text}', {last});
            insert into idempotency_names (user_key, scope) values (1, {empty});
            insert into secrets (name, value) values ('s', {every}), ('none', {empty});
            insert into erased_activities (position, activity, is_gone) values (1, {one}, {yes}), (2, {two}, {no});
            update sequence set position = 7",
            x = "y".repeat(20_000),
            empty = bytes(""),
            every = bytes(&(0..=255_u8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))),
            yes = if is_sqlite { "1" } else { "true" },
            no = if is_sqlite { "0" } else { "false" },
        ));
    }
}

struct Backup {
    head: BackupHead,
    rows: Vec<BackupRows>,
}

impl Backup {
    async fn of(database: &Database) -> Self {
        let pieces = Arc::new(Mutex::new(Vec::new()));
        let taken = pieces.clone();
        let sink = Box::new(move |piece| {
            taken.lock().unwrap().push(piece);
            ControlFlow::Continue(())
        });
        database.backups().back_up(sink).await.unwrap();
        let mut pieces = std::mem::take(&mut *pieces.lock().unwrap());
        assert_eq!(pieces.pop(), Some(BackupPiece::End));
        let BackupPiece::Head(head) = pieces.remove(0) else { panic!("a backup begins with its head") };
        let rows = pieces.into_iter().map(|piece| match piece {
            BackupPiece::Rows(rows) => rows,
            other => panic!("{other:?} among the rows"),
        });
        Self { rows: rows.collect(), head }
    }

    async fn restored_into(&self, database: &Database, if_not_empty: IfNotEmpty) -> Restored {
        let mut rows = self.rows.clone().into_iter();
        let source = Box::new(move || Ok(rows.next()));
        database.backups().restore(self.head.clone(), source, if_not_empty).await.unwrap()
    }

    /// The rows of each table, in any order, by the names of their columns.
    fn content(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let mut content: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for table in &self.head.tables {
            content.entry(&table.name).or_default();
        }
        for BackupRows { table, rows } in &self.rows {
            let table = &self.head.tables[*table];
            for row in rows {
                let cells: Vec<serde_json::Value> = serde_json::from_str(row).unwrap();
                assert_eq!(cells.len(), table.columns.len());
                let named: BTreeMap<_, _> =
                    table.columns.iter().map(|column| &column.name).zip(cells).collect();
                content.get_mut(table.name.as_str()).unwrap().insert(serde_json::to_string(&named).unwrap());
            }
        }
        content
    }
}

#[tokio::test]
async fn every_table_is_in_a_backup() {
    for database in [Database::sqlite().await, Database::postgres()] {
        let backup = Backup::of(&database).await;
        let held: BTreeSet<String> = backup.head.tables.iter().map(|table| table.name.clone()).collect();
        assert_eq!(held, database.tables());
        assert!(held.contains("users") && held.contains("webhook_deliveries"));
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let (one, other) = (Database::sqlite().await, Database::postgres());
    let (one, other) = (Backup::of(&one).await, Backup::of(&other).await);
    assert_eq!(one.head.schema, other.head.schema, "a backup of one database could not go into the other");
    feed_me_domain::backup::same_tables(&one.head.tables, &other.head.tables).unwrap();
}

#[tokio::test]
async fn what_is_hard_to_carry_arrives_in_either_database() {
    for from in [Database::sqlite().await, Database::postgres()] {
        from.fill();
        let backup = Backup::of(&from).await;
        assert_eq!(backup.head.position, 7);
        let wanted = backup.content();
        assert_eq!(
            (wanted["users"].len(), wanted["secrets"].len(), wanted["erased_activities"].len()),
            (2, 2, 2)
        );
        for to in [Database::sqlite().await, Database::postgres()] {
            assert_eq!(backup.restored_into(&to, IfNotEmpty::Refuse).await, Restored::Done);
            let again = Backup::of(&to).await;
            assert_eq!(again.content(), wanted);
            assert_eq!(again.head.position, 7);
            // Once more it would be too much; over what is there it is the same.
            let refused = backup.restored_into(&to, IfNotEmpty::Refuse).await;
            assert!(matches!(refused, Restored::Refused(RestoreRefusal::NotEmpty(_))), "{refused:?}");
            assert_eq!(backup.restored_into(&to, IfNotEmpty::Replace).await, Restored::Done);
            assert_eq!(Backup::of(&to).await.content(), wanted);
        }
    }
}

#[tokio::test]
async fn a_restore_that_breaks_off_changes_nothing() {
    for database in [Database::sqlite().await, Database::postgres()] {
        database.fill();
        let backup = Backup::of(&database).await;
        let mut rows = backup.rows.clone().into_iter().take(2);
        let source = Box::new(move || rows.next().map(Some).ok_or_else(|| "it is cut off".to_owned()));
        let broken = database.backups().restore(backup.head.clone(), source, IfNotEmpty::Replace).await;
        assert_eq!(broken.unwrap(), Restored::BrokenOff("it is cut off".to_owned()));
        assert_eq!(Backup::of(&database).await.content(), backup.content());
        let mut bad = backup.rows.clone();
        bad.last_mut().unwrap().rows.push("no JSON".to_owned());
        let mut bad = bad.into_iter();
        let source = Box::new(move || Ok(bad.next()));
        let failed = database.backups().restore(backup.head.clone(), source, IfNotEmpty::Replace).await;
        assert!(failed.is_err(), "{failed:?}");
        assert_eq!(Backup::of(&database).await.content(), backup.content());
    }
}

#[tokio::test]
async fn nothing_is_restored_while_a_server_of_postgres_listens() {
    let database = Database::postgres();
    database.fill();
    let backup = Backup::of(&database).await;
    let Database::Postgres(store, fresh) = &database else { panic!("it is PostgreSQL") };
    let listener = store.listen(&fresh.url).unwrap();
    while !store.hearing().is_listening {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = backup.restored_into(&database, IfNotEmpty::Replace).await;
    assert_eq!(refused, Restored::Refused(RestoreRefusal::Served));
    assert_eq!(Backup::of(&database).await.content(), backup.content());
    drop(listener);
    assert_eq!(backup.restored_into(&database, IfNotEmpty::Replace).await, Restored::Done);
}

#[tokio::test]
async fn a_sink_that_has_enough_ends_a_backup() {
    for database in [Database::sqlite().await, Database::postgres()] {
        database.fill();
        let seen = Arc::new(Mutex::new(0));
        let count = seen.clone();
        let sink = Box::new(move |_| {
            *count.lock().unwrap() += 1;
            if *count.lock().unwrap() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        database.backups().back_up(sink).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), 2);
    }
}
