//! The files of the page, built into the binary.

use std::sync::OnceLock;

use crate::etag;

/// A file.
pub(super) struct File {
    name: &'static str,
    /// What is in it.
    pub(super) bytes: &'static [u8],
    tag: OnceLock<String>,
}

impl File {
    /// Names what is in it.
    pub(super) fn tag(&self) -> &str {
        self.tag.get_or_init(|| etag::of_bytes(self.bytes))
    }

    fn ending(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// What kind of file it is, by the end of its name.
    pub(super) fn content_type(&self) -> &'static str {
        match self.ending() {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

macro_rules! files {
    ($(#[$doc:meta])* $files:ident: $($name:literal)*) => {
        $(#[$doc])*
        static $files: [File; [$($name),*].len()] = [$(File {
            name: $name,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $name)),
            tag: OnceLock::new(),
        }),*];
    };
}

files! {
    /// The page itself.
    INDEX: "index.html"
}

files! {
    /// What it loads.
    PARTS:
    "base.css" "layout.css" "parts.css" "drawings.css" "icon.svg"
    "activity.js" "api.js" "ceiling.js" "chart.js" "compose.js" "events.js" "feed.js" "force.js" "format.js" "graph.js" "html.js" "icons.js"
    "main.js" "metrics.js" "notifications.js" "parts.js" "people.js" "prometheus.js" "record.js" "relations.js"
    "session.js" "state.js" "stream.js" "views.js" "walk.js"
    "vendor/LICENSES.txt" "vendor/hooks.js" "vendor/htm.js" "vendor/preact.js" "vendor/signals-core.js"
    "vendor/signals.js"
}

/// The page itself.
pub(super) fn index() -> &'static File {
    let [index] = &INDEX;
    index
}

/// A part of the page, by its name.
pub(super) fn named(name: &str) -> Option<&'static File> {
    PARTS.iter().find(|file| file.name == name)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io::Write, path::Path};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// What the script may weigh when it is compressed.
    const SCRIPT_BYTES_MAX: usize = 100_000;

    fn folder() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/web"))
    }

    fn names_in(folder: &Path, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                names.extend(names_in(&entry.path(), &format!("{name}/")));
            } else {
                names.push(name);
            }
        }
        names
    }

    fn text(file: &File) -> &str {
        std::str::from_utf8(file.bytes).unwrap()
    }

    fn scripts() -> impl Iterator<Item = &'static File> {
        PARTS.iter().filter(|file| file.ending() == "js")
    }

    #[test]
    fn every_file_of_the_folder_is_served_once() {
        let mut served: Vec<_> = PARTS.iter().map(|file| file.name.to_owned()).collect();
        // The last one is for Node.js, which tests the scripts.
        served.extend(["index.html", "package.json"].map(str::to_owned));
        served.sort();
        let mut kept = names_in(folder(), "");
        kept.sort();
        assert_eq!(served, kept);
    }

    #[test]
    fn the_script_is_small() {
        let weight = |file: &File| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed.write_all(file.bytes).unwrap();
            packed.finish().unwrap().len()
        };
        let total: usize = scripts().map(weight).sum();
        assert!((10_000..SCRIPT_BYTES_MAX).contains(&total), "the script has {total} bytes, compressed");
    }

    #[test]
    fn the_page_loads_every_script_and_style_at_once_and_nothing_from_elsewhere() {
        let html = text(index());
        let loaded: BTreeSet<_> =
            html.split(['"', '\'']).filter_map(|part| part.strip_prefix("/web/")).collect();
        let wanted: BTreeSet<_> =
            PARTS.iter().filter(|file| file.ending() != "txt").map(|file| file.name).collect();
        assert_eq!(loaded, wanted);
        assert!(!html.contains("://") && !html.contains("<style") && !html.contains(" style="), "{html}");
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"module\" src=\"/web/").count()
        );
    }

    #[test]
    fn scripts_import_what_is_served_and_make_no_markup_of_text() {
        for file in scripts() {
            let at = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            for import in text(file).split("from").skip(1) {
                let import = import.trim_start();
                let Some(quoted) = import.strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                    continue;
                };
                let Some(path) = quoted.0.strip_prefix("./") else { continue };
                let path = if at.is_empty() { path.to_owned() } else { format!("{at}/{path}") };
                assert!(named(&path).is_some(), "{} imports {path}", file.name);
            }
            if at.is_empty() {
                for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "://"]
                {
                    assert!(!text(file).contains(word), "{} has {word}", file.name);
                }
            }
        }
        for style in PARTS.iter().filter(|file| file.ending() == "css") {
            assert!(!text(style).contains("url(") && !text(style).contains("@import"), "{}", style.name);
        }
    }

    #[test]
    fn a_tag_follows_from_what_is_in_the_file() {
        let tags: BTreeSet<_> = PARTS.iter().map(|file| file.tag().to_owned()).collect();
        assert_eq!(tags.len(), PARTS.len());
        assert_eq!(index().tag(), etag::of_bytes(index().bytes));
    }
}
