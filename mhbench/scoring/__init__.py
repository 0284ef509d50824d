"""Scoring: from ground truth and predictions of a shard to records, and from records to numbers.

scored.py              what a kind of scoring is, and the kinds there are
pose_protocols.py      3D poses of people -> Records
    people.py          who is scored, true and predicted;  joints.py  which joints, by name
    encounters.py      who meets whom
    pose_errors.py     root, alignment, errors per joint;  body_errors.py  of meshes and bones
    bodies.py          joints and meshes of SMPL parameters
joint_protocols.py     joints whoever they belong to (JTA)
keypoint_protocols.py  average precision of 2D keypoints (CrowdPose, OCHuman)
root_protocols.py      average precision of root positions (RootNet)
world_protocols.py     several cameras at once (VoxelPose)
coherence_protocols.py collisions of bodies (body_collisions.py), people in order of depth
statistics.py          records -> additive statistics of each metric
intervals.py           statistics -> values, groups, resampling units, breakdowns
"""
