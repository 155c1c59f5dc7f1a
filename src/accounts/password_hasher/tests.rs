use super::*;

#[test]
fn debug_output_hides_a_hash() {
    let password = NewPassword::parse("correct horse battery staple", None, &[]).unwrap();
    let hash = PasswordHasher::insecure_for_tests().hash_blocking(&password, &mut random::os_rng()).unwrap();
    assert!(!format!("{hash:?}").contains("argon2"));
}

#[test]
fn the_insecure_hasher_has_the_minimum_parameters() {
    let password = NewPassword::parse("correct horse battery staple", None, &[]).unwrap();
    let hash = PasswordHasher::insecure_for_tests().hash_blocking(&password, &mut random::os_rng()).unwrap();
    assert!(hash.reveal().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.reveal());
}

#[test]
fn the_dummy_hash_has_the_parameters_of_a_user_s_hash() {
    let password = NewPassword::parse("correct horse battery staple", None, &[]).unwrap();
    let hash = PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng()).unwrap();
    for hash in [hash.reveal(), DUMMY_HASH] {
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }
    assert_eq!(
        verify_hash(&mut Argon2Memory::new(), b"correct horse battery staple", DUMMY_HASH),
        Some(false),
        "the dummy hash is well-formed"
    );
}

/// The number of memory blocks that one check filled: each thread keeps its memory until the next check.
async fn blocks_filled_by_a_check(hash: Option<PasswordHash>) -> usize {
    let passwords = PasswordHasher::insecure_for_tests();
    assert_eq!(passwords.verify("not the password", hash).await, PasswordCheck::Mismatch);
    // Each thread waits for the others, so that each reports its own memory.
    let barrier = Arc::new(std::sync::Barrier::new(MAX_CONCURRENT_HASHES));
    let lengths = [(); MAX_CONCURRENT_HASHES].map(|()| {
        let (passwords, barrier) = (passwords.clone(), Arc::clone(&barrier));
        let length = move |memory: &mut Argon2Memory| {
            barrier.wait();
            memory.len()
        };
        actix_web::rt::spawn(async move { passwords.run_limited(length).await })
    });
    let mut most = 0;
    for length in lengths {
        most = most.max(length.await.unwrap().unwrap());
    }
    most
}

#[actix_web::test]
async fn a_check_without_a_hash_fills_as_much_memory_as_one_with_a_hash() {
    let password = NewPassword::parse("correct horse battery staple", None, &[]).unwrap();
    let hash = PasswordHasher::owasp().hash_blocking(&password, &mut random::os_rng()).unwrap();
    let with_hash = blocks_filled_by_a_check(Some(hash)).await;
    assert_eq!((with_hash, blocks_filled_by_a_check(None).await), (19_456, 19_456));
}

#[actix_web::test]
async fn a_check_waits_for_at_most_one_new_password() {
    let passwords = PasswordHasher::insecure_for_tests();
    let mut permits = passwords.take_permits_for_tests().unwrap();
    let (done, mut finished) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..20 {
        let new = NewPassword::parse("correct horse battery staple", None, &[]).unwrap();
        let (passwords, done) = (passwords.clone(), done.clone());
        actix_web::rt::spawn(async move {
            passwords.hash(new).await.unwrap();
            done.send("new password").unwrap();
        });
    }
    actix_web::rt::task::yield_now().await;
    let check = passwords.clone();
    actix_web::rt::spawn(async move {
        check.verify("correct horse battery staple", None).await;
        done.send("check").unwrap();
    });
    actix_web::rt::task::yield_now().await;
    // One permit remains taken, so that the queue advances one by one.
    permits.pop();
    let order = [finished.recv().await.unwrap(), finished.recv().await.unwrap()];
    assert!(order.contains(&"check"), "{order:?}");
}

#[actix_web::test]
async fn a_password_matches_only_its_own_hash() {
    let passwords = PasswordHasher::insecure_for_tests();
    let hash = passwords.hash(NewPassword::parse("correct horse battery staple", None, &[]).unwrap()).await.unwrap();
    assert_eq!(passwords.verify("correct horse battery staple", Some(hash.clone())).await, PasswordCheck::Match);
    assert_eq!(passwords.verify("correct horse battery stable", Some(hash)).await, PasswordCheck::Mismatch);
    assert_eq!(passwords.verify("correct horse battery staple", None).await, PasswordCheck::Mismatch);
}

#[actix_web::test]
async fn a_password_matches_its_hash_however_it_is_composed() {
    const COMPOSED: &str = "caf\u{E9} au lait sucr\u{E9}";
    const DECOMPOSED: &str = "cafe\u{301} au lait sucre\u{301}";
    let passwords = PasswordHasher::insecure_for_tests();
    let new = passwords.hash(NewPassword::parse(DECOMPOSED, None, &[]).unwrap()).await.unwrap();
    for typed in [COMPOSED, DECOMPOSED] {
        assert_eq!(passwords.verify(typed, Some(new.clone())).await, PasswordCheck::Match);
    }
    let as_typed = passwords.hash_text(DECOMPOSED, &mut random::os_rng()).unwrap();
    assert_eq!(passwords.verify(DECOMPOSED, Some(as_typed.clone())).await, PasswordCheck::MatchOutdated);
    assert_eq!(passwords.verify(COMPOSED, Some(as_typed)).await, PasswordCheck::Mismatch);
    let rehashed = passwords.rehash(DECOMPOSED).await.unwrap();
    assert_eq!(passwords.verify(COMPOSED, Some(rehashed)).await, PasswordCheck::Match);
}

#[actix_web::test]
async fn a_hash_with_weaker_parameters_is_outdated() {
    let text = "correct horse battery staple";
    let hash = |hasher: &PasswordHasher| hasher.hash_text(text, &mut random::os_rng()).unwrap();
    let with = |algorithm, version, params| PasswordHasher {
        argon2: Argon2::new(algorithm, version, params),
        ..PasswordHasher::insecure_for_tests()
    };
    let (minimum, more) = (INSECURE_PARAMS, Params::new(16, 2, 1, None).unwrap());
    let hasher = with(Algorithm::Argon2id, Version::V0x13, more.clone());
    for (other, expected) in [
        (with(Algorithm::Argon2id, Version::V0x13, more.clone()), PasswordCheck::Match),
        (with(Algorithm::Argon2id, Version::V0x13, Params::new(32, 3, 2, None).unwrap()), PasswordCheck::Match),
        (with(Algorithm::Argon2id, Version::V0x13, minimum), PasswordCheck::MatchOutdated),
        (with(Algorithm::Argon2id, Version::V0x13, Params::new(16, 1, 1, None).unwrap()), PasswordCheck::MatchOutdated),
        (with(Algorithm::Argon2i, Version::V0x13, more.clone()), PasswordCheck::MatchOutdated),
        (with(Algorithm::Argon2id, Version::V0x10, more), PasswordCheck::MatchOutdated),
    ] {
        assert_eq!(hasher.verify(text, Some(hash(&other))).await, expected);
        assert_eq!(hasher.verify("another password", Some(hash(&other))).await, PasswordCheck::Mismatch);
    }
}
