//! Which database: its URL, as the setting `database.url` takes it.

use std::{path::PathBuf, str::FromStr};

use anyhow::bail;

/// A database of one of the two kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A URL.
    Postgres(String),
}

impl FromStr for Database {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return Ok(Self::Sqlite(std::path::absolute(path)?));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        bail!("'{url}' begins with neither sqlite:// nor postgres://")
    }
}

impl Database {
    /// The URL. A path of SQLite is made absolute, because a server that is measured runs in a folder of its own.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// What kind it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Kind and name, without a password and without a folder, for people.
    pub fn told(&self) -> String {
        let name = match self {
            Self::Sqlite(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Self::Postgres(url) => url.rsplit('/').next().map(str::to_owned),
        };
        format!("{} {}", self.kind(), name.unwrap_or_default())
    }

    /// The URL that psql takes, where it is PostgreSQL.
    pub fn postgres_url(&self) -> Option<&str> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(url) => Some(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_the_kind_and_a_path_becomes_absolute() {
        let sqlite: Database = "sqlite://bench/S.db".parse().unwrap();
        assert!(matches!(&sqlite, Database::Sqlite(path) if path.is_absolute()));
        assert_eq!(sqlite.told(), "SQLite S.db");
        let postgres: Database = "postgres://me:secret@db/feed".parse().unwrap();
        assert_eq!((postgres.kind(), postgres.told().as_str()), ("PostgreSQL", "PostgreSQL feed"));
        assert!("mysql://db".parse::<Database>().is_err());
    }
}
