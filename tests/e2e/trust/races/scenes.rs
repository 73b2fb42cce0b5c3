use super::{Op, Scene, play};
use crate::{
    kit::World,
    trust::chance::{Chance, number_from},
};

const NAMES: [&str; 3] = ["ivan", "eric", "niko"];

/// Plays every scene a few times, and scenes of chance.
pub(super) async fn race_all(worlds: &[World]) {
    let rounds = number_from("FEEDME_TEST_RACE_ROUNDS").unwrap_or(2);
    let mut chance = Chance::fresh();
    for round in 0..rounds {
        for (number, scene) in known().iter().enumerate() {
            play(worlds, scene, &format!("r{round}-{number}-"), &mut chance).await;
        }
        for number in 0..12 {
            let scene = by_chance(&mut chance);
            play(worlds, &scene, &format!("c{round}-{number}-"), &mut chance).await;
        }
    }
}

/// Those that are likely to go wrong somewhere.
fn known() -> Vec<Scene> {
    use Op::{Block, Create, Erase, Follow, Post, Rename, Unfollow};
    let both = [Create("ivan"), Create("eric")];
    let friends = [Create("ivan"), Create("eric"), Follow("ivan", "eric"), Follow("eric", "ivan")];
    let scene = |before: &[Op], racing: &[Op]| Scene { before: before.to_vec(), racing: racing.to_vec() };
    vec![
        scene(&both, &[Follow("ivan", "eric"), Follow("ivan", "eric"), Follow("eric", "ivan")]),
        scene(&friends, &[Unfollow("ivan", "eric"), Unfollow("ivan", "eric")]),
        scene(&friends, &[Unfollow("ivan", "eric"), Follow("ivan", "eric"), Unfollow("ivan", "eric")]),
        scene(&both, &[Post("ivan", "a", None), Post("ivan", "a", None), Post("ivan", "a", None)]),
        scene(&both, &[Post("ivan", "a", None), Post("ivan", "b", None), Post("ivan", "a", Some("eric"))]),
        scene(&both, &[Rename("ivan", "niko"), Rename("eric", "niko"), Create("niko")]),
        scene(&both, &[Rename("ivan", "niko"), Rename("eric", "ivan")]),
        scene(&both, &[Rename("ivan", "niko"), Create("ivan"), Post("ivan", "a", Some("ivan"))]),
        scene(&both, &[Rename("ivan", "niko"), Follow("eric", "ivan"), Follow("eric", "niko")]),
        scene(&friends, &[Erase("ivan"), Erase("ivan"), Erase("ivan")]),
        scene(&friends, &[Erase("ivan"), Erase("eric")]),
        scene(&friends, &[Erase("ivan"), Unfollow("eric", "ivan"), Post("eric", "a", Some("ivan"))]),
        scene(&both, &[Erase("ivan"), Post("ivan", "a", Some("eric")), Rename("ivan", "niko")]),
        scene(&both, &[Erase("ivan"), Follow("ivan", "eric"), Follow("eric", "ivan")]),
        scene(&both, &[Erase("ivan"), Create("ivan"), Post("ivan", "a", None)]),
        scene(&friends, &[Block("ivan", "eric"), Block("eric", "ivan"), Follow("ivan", "eric")]),
        scene(&friends, &[Block("ivan", "eric"), Unfollow("eric", "ivan"), Erase("eric")]),
        scene(&both, &[Create("niko"), Create("niko"), Create("niko")]),
    ]
}

fn by_chance(chance: &mut Chance) -> Scene {
    let mut before = vec![Op::Create("ivan"), Op::Create("eric")];
    before.extend((0..3).map(|_| op_by_chance(chance)));
    Scene { before, racing: (0..3).map(|_| op_by_chance(chance)).collect() }
}

fn op_by_chance(chance: &mut Chance) -> Op {
    let (name, other) = (*chance.pick(&NAMES), *chance.pick(&NAMES));
    match chance.below(9) {
        0 => Op::Create(name),
        1 => Op::Rename(name, other),
        2 => Op::Erase(name),
        3 | 4 => Op::Follow(name, other),
        5 => Op::Unfollow(name, other),
        6 => Op::Block(name, other),
        7 => Op::Unblock(name, other),
        _ => {
            let object = if chance.one_in(2) { "a" } else { "b" };
            Op::Post(name, object, Some(other).filter(|_| chance.one_in(2)))
        }
    }
}
