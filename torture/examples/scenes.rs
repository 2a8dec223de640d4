fn main() { for seed in 0..400 { let plan = torture::plan::Plan::of(seed); if let Some(scene) = plan.scene { println!("{seed} {scene:?}"); } } }
