//! Secrets that belong to a database.

use super::{kit::done, world::World};

pub(super) async fn the_first_secret_of_a_name_stays(world: World) {
    let secret = async |name, fresh: &[u8]| done(world.stores.secrets.secret(name, fresh.to_vec()).await);
    assert_eq!(secret("cursor", &[1, 0, 255]).await, [1, 0, 255]);
    assert_eq!(secret("cursor", &[2]).await, [1, 0, 255]);
    assert_eq!(secret("other", &[3]).await, [3]);
    assert_eq!(secret("cursor", &[]).await, [1, 0, 255]);
}

pub(super) async fn of_two_secrets_that_come_at_once_one_wins_for_both(world: World) {
    for round in 0..5 {
        let name = format!("secret {round}");
        let tasks: Vec<_> = (0..8_u8)
            .map(|index| {
                let (secrets, name) = (world.stores.secrets.clone(), name.clone());
                tokio::spawn(async move { done(secrets.secret(&name, vec![index]).await) })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap_or_else(|error| panic!("{error}")));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}
