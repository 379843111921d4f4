//! Each crate knows only the crates that it may know.

use std::fs;

use culprit_tests::binary::project_root;

const ALLOWED: [(&str, &[&str]); 10] = [
    ("model", &[]),
    ("ingest", &["model"]),
    ("agent", &["ingest", "model"]),
    ("parse", &["model"]),
    ("correlate", &["model"]),
    ("index", &["model"]),
    ("query", &["correlate", "index", "model", "parse"]),
    ("pipeline", &["agent", "correlate", "index", "ingest", "model", "parse", "query"]),
    ("api", &["pipeline"]),
    ("cli", &["api", "correlate", "index", "ingest", "model", "parse", "pipeline", "query"]),
];

#[test]
fn crates_depend_on_what_they_may_know() {
    let folders = fs::read_dir(project_root().join("crates")).unwrap();
    for folder in folders {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let (_, allowed) =
            ALLOWED.iter().find(|(known, _)| *known == name).expect("a new crate needs a row above");
        for dependency in manifest["dependencies"].as_table().unwrap().keys() {
            let ours = ALLOWED.iter().any(|(known, _)| known == dependency);
            assert!(
                !ours || allowed.contains(&dependency.as_str()),
                "`{name}` must not depend on `{dependency}`"
            );
        }
    }
}
