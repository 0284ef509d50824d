"""LoCO: multi-person 3D pose from one image through compressed volumetric heatmaps.

    image -> code predictor -> code -> decoder -> volumes -> peaks -> camera space -> people -> refiner

Source: Fabbri et al., "Compressed Volumetric Heatmaps for Multi-Person 3D Pose Estimation", CVPR 2020.
Written from the paper and the shapes of its public weights, which load into these modules (`checkpoints`)
but are not part of this project: their licence is non-commercial.
"""
