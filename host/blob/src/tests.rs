//! What a folder promises, on a file system.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::{Error, Folder, FolderConfig, Folders, Limits, Metadata, ObjectName, Range};

fn config(dir: &Path, limits: Limits) -> FolderConfig {
    let timeout = Duration::from_secs(30);
    FolderConfig { name: "test".to_owned(), dir: dir.to_owned(), limits, timeout, writable: true }
}

fn small() -> Limits {
    Limits { object_bytes: 100, folder_bytes: 250, folder_objects: 4 }
}

/// A new folder of `limits`, and where it is.
fn folder(limits: Limits) -> (Folder, tempfile::TempDir, Folders) {
    let dir = tempfile::tempdir().unwrap();
    let folders = Folders::default();
    let folder = folders.folder(&config(dir.path(), limits), &Arc::new(Semaphore::new(8)));
    (folder, dir, folders)
}

fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

async fn put(folder: &Folder, to: &str, bytes: &[u8]) -> Result<Metadata, Error> {
    let mut put = folder.put(name(to)).await?;
    for chunk in bytes.chunks(40) {
        put.write(Bytes::copy_from_slice(chunk)).await?;
    }
    put.finish().await
}

async fn get(folder: &Folder, from: &str, range: Range) -> Result<Vec<u8>, Error> {
    let mut object = folder.get(name(from), range).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = object.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(object.length(), bytes.len() as u64);
    Ok(bytes)
}

async fn whole(folder: &Folder, from: &str) -> Result<Vec<u8>, Error> {
    get(folder, from, Range::default()).await
}

async fn names(folder: &Folder, prefix: &str) -> Vec<String> {
    let page = folder.list(prefix.to_owned(), None).await.unwrap();
    assert!(!page.more);
    page.objects.into_iter().map(|(name, _)| name).collect()
}

/// Everything beneath `dir`, folders too.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(dir).unwrap().display().to_string());
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_is_put_is_there_whole() {
    let (folder, dir, _folders) = folder(Limits::default());
    let large: Vec<u8> = (0..400_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    for (to, bytes) in [("a", &b"first"[..]), ("a", b"second"), ("b/c/d.txt", b""), ("large", &large)] {
        let metadata = put(&folder, to, bytes).await.unwrap();
        assert_eq!(metadata.size, bytes.len() as u64);
        assert_eq!(whole(&folder, to).await.unwrap(), bytes);
        assert_eq!(folder.head(name(to)).await.unwrap(), metadata);
    }
    assert_eq!(files(dir.path()), ["a", "b", "b/c", "b/c/d.txt", "large"]);
    assert!(folder.delete(name("b/c/d.txt")).await.unwrap());
    assert!(!folder.delete(name("b/c/d.txt")).await.unwrap());
    assert_eq!(files(dir.path()), ["a", "large"], "no empty folder is left");
    for absent in ["b/c/d.txt", "b", "a/x"] {
        assert_eq!(whole(&folder, absent).await, Err(Error::NotFound));
        assert_eq!(folder.head(name(absent)).await, Err(Error::NotFound));
    }
}

#[tokio::test]
async fn a_range_ends_with_the_object() {
    let (folder, _dir, _folders) = folder(Limits::default());
    put(&folder, "a", b"0123456789").await.unwrap();
    put(&folder, "empty", b"").await.unwrap();
    for (from, offset, length, expected) in [
        ("a", 0, Some(3), &b"012"[..]),
        ("a", 4, None, b"456789"),
        ("a", 8, Some(100), b"89"),
        ("a", 3, Some(0), b""),
        ("a", 10, None, b""),
        ("empty", 0, None, b""),
    ] {
        assert_eq!(get(&folder, from, Range { offset, length }).await.unwrap(), expected);
    }
    let behind = get(&folder, "a", Range { offset: 11, length: None }).await;
    assert_eq!(behind, Err(Error::Invalid("byte 11 is behind the end of an object of 10 bytes".to_owned())));
}

#[tokio::test]
async fn who_reads_has_the_old_bytes_whole() {
    let (folder, _dir, _folders) = folder(Limits::default());
    let old = vec![b'o'; 1 << 20];
    put(&folder, "a", &old).await.unwrap();
    let mut object = folder.get(name("a"), Range::default()).await.unwrap();
    let mut bytes = object.chunk().await.unwrap().unwrap().to_vec();
    put(&folder, "a", &vec![b'n'; 1 << 20]).await.unwrap();
    folder.delete(name("a")).await.unwrap();
    while let Some(chunk) = object.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_of_one_name_are_never_mixed_and_each_has_its_tag() {
    let (folder, dir, _folders) = folder(Limits::default());
    let folder = Arc::new(folder);
    let mut tasks = Vec::new();
    for writer in 0..8_u8 {
        let folder = folder.clone();
        tasks.push(tokio::spawn(async move { put(&folder, "a/b", &[writer; 5000]).await.unwrap().etag }));
    }
    let mut etags = Vec::new();
    for task in tasks {
        etags.push(task.await.unwrap());
    }
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 8);
    let found = whole(&folder, "a/b").await.unwrap();
    assert!(found.len() == 5000 && found.iter().all(|&byte| byte == found[0]));
    assert_eq!(files(dir.path()), ["a", "a/b"]);
}

#[tokio::test]
async fn what_is_not_finished_leaves_nothing() {
    let (folder, dir, _folders) = folder(small());
    put(&folder, "a", b"old").await.unwrap();
    let mut unfinished = folder.put(name("a")).await.unwrap();
    unfinished.write(Bytes::from(vec![b'x'; 90])).await.unwrap();
    unfinished.ready().await.unwrap();
    assert_eq!(files(dir.path()).len(), 2);
    assert_eq!(names(&folder, "").await, ["a"], "it is no object");
    drop(unfinished);
    // Its permit comes back with the work that removes it.
    let _all = folder.permits.acquire_many(8).await.unwrap();
    assert_eq!(files(dir.path()), ["a"]);
    assert_eq!(folder.place.root().unwrap().usage().bytes, 3);
}

#[tokio::test]
async fn objects_and_folder_are_bounded_also_by_what_is_under_way() {
    let (folder, dir, _folders) = folder(small());
    let too_large = |text: &str| Err(Error::TooLarge(text.to_owned()));
    let over = put(&folder, "a", &[0; 101]).await;
    assert_eq!(over, too_large("the object would have more than 100 bytes (object_bytes)"));
    put(&folder, "a", &[0; 100]).await.unwrap();
    let mut one = folder.put(name("b")).await.unwrap();
    let mut two = folder.put(name("c")).await.unwrap();
    one.write(vec![0; 100].into()).await.unwrap();
    one.ready().await.unwrap();
    two.write(vec![0; 50].into()).await.unwrap();
    two.write(vec![0; 1].into()).await.unwrap();
    let over = two.finish().await;
    assert_eq!(over, too_large("the folder would have more than 250 bytes (folder_bytes)"));
    drop(one);
    let all = folder.permits.acquire_many(8).await.unwrap();
    assert_eq!(files(dir.path()), ["a"]);
    drop(all);
    // An object makes room for what replaces it only when it is replaced.
    put(&folder, "b", &[0; 100]).await.unwrap();
    put(&folder, "a", &[0; 50]).await.unwrap();
    put(&folder, "c", &[0; 100]).await.unwrap();
    put(&folder, "d", b"").await.unwrap();
    assert_eq!(put(&folder, "e", b"").await, too_large("the folder has 4 objects already (folder_objects)"));
    folder.delete(name("d")).await.unwrap();
    folder.rename(name("a"), &folder, name("c")).await.unwrap();
    put(&folder, "e", &[0; 100]).await.unwrap();
    // What is counted anew is what was counted.
    let counted = *folder.place.root().unwrap().usage();
    assert_eq!(*crate::root::Root::open(dir.path()).unwrap().usage(), counted);
    folder.clear().await.unwrap();
    assert_eq!(*folder.place.root().unwrap().usage(), crate::usage::Usage::default());
}

#[tokio::test]
async fn nothing_beside_the_folder_is_reached() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let (folder, dir, _folders) = folder(Limits::default());
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink(outside.path().join("secret"), dir.path().join("link")).unwrap();
    for through in ["out/secret", "link", "out"] {
        assert_eq!(whole(&folder, through).await, Err(Error::NotFound), "{through}");
        assert_eq!(folder.head(name(through)).await, Err(Error::NotFound), "{through}");
        assert!(!folder.delete(name(through)).await.unwrap(), "{through}");
    }
    assert!(matches!(put(&folder, "out/new", b"x").await, Err(Error::Invalid(_))));
    assert_eq!(names(&folder, "").await, Vec::<String>::new());
    // A put takes the link's place; what it led to is as it was.
    put(&folder, "link", b"mine").await.unwrap();
    assert_eq!(files(outside.path()), ["secret"]);
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
}

#[tokio::test]
async fn an_object_and_a_folder_of_objects_cannot_have_one_name() {
    let (folder, dir, _folders) = folder(Limits::default());
    put(&folder, "a/b", b"x").await.unwrap();
    put(&folder, "c", b"x").await.unwrap();
    let Err(Error::Invalid(text)) = put(&folder, "a", b"x").await else { panic!("it was put") };
    assert_eq!(text, "there are objects whose names begin with `a/`");
    let Err(Error::Invalid(text)) = put(&folder, "c/d", b"x").await else { panic!("it was put") };
    assert_eq!(text, "`c` is an object, or no folder of this one");
    assert_eq!(files(dir.path()), ["a", "a/b", "c"]);
}

#[tokio::test]
async fn lists_are_in_the_order_of_bytes_by_page() {
    let (folder, _dir, _folders) = folder(Limits::default());
    let all = ["a", "a-b/x", "a.b", "b/a", "b/c/d", "b/d", "c"];
    for to in all {
        put(&folder, to, b"x").await.unwrap();
    }
    let root = folder.place.root().unwrap();
    for count in 1..=all.len() {
        let (mut found, mut after) = (Vec::<String>::new(), None);
        loop {
            let page = root.list("", after.as_deref(), count).unwrap();
            found.extend(page.objects.into_iter().map(|(name, _)| name));
            assert!(found.len() <= all.len());
            if !page.more {
                break;
            }
            after = found.last().cloned();
        }
        assert_eq!(found, all, "{count} a page");
    }
    for (prefix, expected) in [
        ("b/", &["b/a", "b/c/d", "b/d"][..]),
        ("a", &["a", "a-b/x", "a.b"]),
        ("b/c/", &["b/c/d"]),
        ("x", &[]),
    ] {
        assert_eq!(names(&folder, prefix).await, expected, "{prefix}");
    }
}

#[tokio::test]
async fn copies_and_moves_go_to_other_folders_too() {
    let (one, dir, _folders) = folder(Limits::default());
    let (two, other, _others) = folder(Limits::default());
    put(&one, "a/b", b"bytes").await.unwrap();
    one.copy(name("a/b"), &two, name("c")).await.unwrap();
    one.rename(name("a/b"), &one, name("d/e")).await.unwrap();
    assert_eq!((files(dir.path()), files(other.path())), (vec!["d".into(), "d/e".into()], vec!["c".into()]));
    one.rename(name("d/e"), &two, name("d/e")).await.unwrap();
    assert_eq!(whole(&two, "d/e").await.unwrap(), b"bytes");
    assert_eq!(files(dir.path()), Vec::<String>::new());
    assert_eq!(two.rename(name("x"), &two, name("y")).await, Err(Error::NotFound));
}

#[tokio::test]
async fn what_a_process_left_is_removed_and_what_is_written_is_not() {
    let (folder, dir, _folders) = folder(Limits::default());
    let mut under_way = folder.put(name("a")).await.unwrap();
    fs::write(dir.path().join(".patchboard-put-0-0"), "left").unwrap();
    crate::root::Root::open(dir.path()).unwrap();
    under_way.write(Bytes::from_static(b"whole")).await.unwrap();
    under_way.finish().await.unwrap();
    assert_eq!(files(dir.path()), ["a"]);
    assert_eq!(whole(&folder, "a").await.unwrap(), b"whole");
}

#[tokio::test]
async fn a_folder_for_reading_is_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "there").unwrap();
    let folders = Folders::default();
    let config = FolderConfig { writable: false, ..config(dir.path(), Limits::default()) };
    let folder = folders.folder(&config, &Arc::new(Semaphore::new(1)));
    assert_eq!(whole(&folder, "a").await.unwrap(), b"there");
    assert_eq!(put(&folder, "b", b"x").await, Err(Error::ReadOnly));
    assert_eq!(folder.delete(name("a")).await, Err(Error::ReadOnly));
    assert_eq!(folder.rename(name("a"), &folder, name("b")).await, Err(Error::ReadOnly));
    assert_eq!(names(&folder, "").await, ["a"]);
}

#[tokio::test]
async fn who_waits_too_long_for_a_permit_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let folders = Folders::default();
    let permits = Arc::new(Semaphore::new(1));
    let config = FolderConfig { timeout: Duration::from_millis(20), ..config(dir.path(), Limits::default()) };
    let folder = folders.folder(&config, &permits);
    let _taken = permits.acquire().await.unwrap();
    let told = folder.head(name("a")).await;
    assert!(matches!(told, Err(Error::Unavailable(text)) if text.contains("limits.blob_calls")));
}
