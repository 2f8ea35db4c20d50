"""Which test shows which case of faults: the viewer (E), models (F), training (G) and prediction (H)."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CASES = {
    "E1 multiscale layers": [
        "widgets/test_sins_layers.py::test_sin_6_of_a_multiscale_image_the_full_resolution_is_used",
        "viewer/test_reading.py::test_multiscale_is_read_at_full_resolution",
        "widgets/test_train_dock.py::test_the_level_of_a_multiscale_image_is_chosen_before_or_in_the_table",
    ],
    "E2 lazy layers": [
        "widgets/test_sins_layers.py::test_sin_6_a_lazy_image_is_never_computed_whole",
        "viewer/test_reading.py::test_a_lazy_stack_is_computed_plane_by_plane",
    ],
    "E3 colours that are guessed": [
        "viewer/test_faults_e.py::test_e3_the_flag_of_the_layer_says_what_are_colours",
        "widgets/test_sins_layers.py::test_sin_8_rgb_is_colours_and_no_axis",
    ],
    "E4 time, depth and channels": [
        "viewer/test_faults_e.py::test_e4_of_an_image_with_time_depth_and_channels_every_plane_is_taken_as_it_was_told",
        "widgets/test_predict_dock.py::test_channels_are_chosen_not_guessed",
    ],
    "E5 places that differ": [
        "widgets/test_sins_layers.py::test_sins_5_and_7_places_units_labels_and_sliders_stay",
        "viewer/test_grids.py::test_layers_elsewhere_are_refused_by_both_names_and_what_differs",
        "viewer/test_faults_e.py::test_e5_a_mask_of_another_place_is_refused_by_both_names_for_training_too",
    ],
    "E6 booleans, no numbers, nothing": [
        "viewer/test_faults_e.py::test_e6_masks_of_booleans_are_masks",
        "widgets/test_faults_e.py::test_e6_pixels_that_are_no_number_are_named",
        "viewer/test_reading.py::test_what_is_no_image_plane_is_refused_by_name",
    ],
    "E7 layers that change while a job runs": [
        "widgets/test_sins_work.py::test_e7_layers_that_are_renamed_edited_and_deleted_meanwhile_change_nothing",
        "widgets/test_sins_work.py::test_e7_results_that_are_deleted_meanwhile_come_anew",
    ],
    "E8 the viewer closed while training": [
        "widgets/test_in_napari.py::test_training_goes_on_when_the_viewer_is_closed",
        "widgets/test_train_dock.py::test_a_dock_or_viewer_opened_later_watches_stops_and_resumes_the_run",
        "widgets/test_faults_e.py::test_e8_that_a_training_goes_on_without_napari_is_said_while_it_runs",
    ],
    "E9 the end of a terminal, kernel or session": [
        "viewer/test_faults_e.py::test_e9_the_end_of_a_terminal_or_kernel_does_not_reach_the_training",
    ],
    "E10 two viewers, two docks, two clicks": [
        "widgets/test_faults_e.py::test_e10_two_clicks_and_two_viewers_start_one_run_in_a_folder",
        "viewer/test_training.py::test_e10_of_two_that_start_at_once_in_one_folder_one_is_refused",
        "widgets/test_train_run.py::test_a_second_click_or_dock_does_not_start_a_second_run",
    ],
    "E11 bugs and warnings of a worker": [
        "widgets/test_faults_e.py::test_e11_a_bug_and_warnings_of_a_job_are_shown_once_and_the_dock_goes_on",
    ],
    "E12 no screen, other countries, themes": [
        "viewer/test_faults_e.py::test_e12_the_command_line_needs_no_screen_no_qt_and_no_napari",
        "widgets/test_faults_e.py::test_e12_numbers_with_a_comma_are_the_same_numbers",
        "widgets/test_sins_in_napari.py::test_sins_10_11_and_13_every_dock_works_by_public_means_fits_and_follows_the_theme",
    ],
    "E13 many runs in one sitting": [
        "widgets/test_faults_e.py::test_e13_thirty_runs_leave_nothing_behind",
    ],
    "E14 names that are markup, or the same": [
        "widgets/test_sins_work.py::test_e14_names_with_markup_are_shown_as_they_are",
        "widgets/test_sins_work.py::test_e14_two_layers_of_one_name_are_two",
    ],
    "E15 painting while training": [
        "viewer/test_faults_e.py::test_e15_what_is_painted_while_the_data_are_written_is_not_trained_on",
        "widgets/test_consensus_docks.py::test_masks_painted_while_the_job_runs_do_not_change_it",
    ],
    "E16 what outlives the viewer or the dock": [
        "widgets/test_sins_work.py::test_e16_a_dock_that_is_closed_ends_its_job_and_hears_nothing_more",
        "widgets/test_sins_work.py::test_e16_a_result_that_comes_after_the_dock_is_closed_does_no_harm",
        "widgets/test_in_napari.py::test_a_prediction_in_work_ends_with_the_viewer",
    ],
    "F1 a member that could hold a program": [
        "ensemble/test_loading.py::test_a_program_in_a_member_never_runs"
    ],
    "F2 TorchScript": ["ensemble/test_loading.py::test_torchscript_is_refused"],
    "F3 a file of deepflash2": [
        "ensemble/test_faults_f.py::test_f3_a_file_of_deepflash2_is_refused_with_the_reason"
    ],
    "F4 truncated, flipped, zeroed weights": [
        "ensemble/test_loading.py::test_all_missing_and_damaged_members_are_listed_at_once",
        "ensemble/test_loading.py::test_any_flipped_bit_is_found_out",
        "ensemble/test_loading.py::test_a_zeroed_tail_is_found_out",
    ],
    "F5 another network, other channels": [
        "ensemble/test_loading.py::test_weights_of_another_network_are_refused_in_one_line",
        "ensemble/test_loading.py::test_other_channels_are_refused_before_anything_runs",
    ],
    "F6 a missing member, one too many": [
        "ensemble/test_loading.py::test_all_missing_and_damaged_members_are_listed_at_once",
        "ensemble/test_loading.py::test_a_surplus_member_is_found_out",
    ],
    "F7 renamed, reordered members": [
        "ensemble/test_loading.py::test_a_renamed_member_is_recognised",
        "ensemble/test_loading.py::test_exchanged_members_are_found_out",
        "ensemble/test_faults_f.py"
        "::test_f7_members_are_known_by_the_manifest_and_not_by_the_order_of_their_names",
    ],
    "F8 members of different trainings": [
        "ensemble/test_faults_f.py::test_f8_a_member_of_another_training_is_found_out"
    ],
    "F9 weights that are no numbers": [
        "ensemble/test_loading.py::test_weights_that_are_no_numbers_are_refused"
    ],
    "F10 newer and older schema": [
        "ensemble/test_loading.py::test_a_newer_schema_is_refused_with_what_to_do",
        "ensemble/test_migration.py::test_f10_an_ensemble_of_schema_1_predicts_as_it_did",
    ],
    "F11 weights of another precision": [
        "ensemble/test_faults_f.py::test_f11_weights_of_another_precision_are_used"
    ],
    "F12 bombs": [
        "ensemble/test_loading.py::test_a_compressed_archive_is_refused",
        "ensemble/test_faults_f.py::test_f12_a_tensor_that_only_looks_huge_is_refused_at_once",
        "ensemble/test_faults_f.py::test_f12_what_is_no_tensor_is_refused",
    ],
    "F13 paths that leave the folder": [
        "ensemble/test_loading.py::test_a_path_that_leaves_the_folder_is_refused",
        "ensemble/test_loading.py::test_a_link_is_not_followed",
    ],
    "F14 names that are formulas": [
        "ensemble/test_faults_f.py::test_f14_a_name_that_is_a_formula_stays_text"
    ],
    "F15 predicting training images": [
        "ensemble/test_loading.py::test_training_images_and_other_intensities_are_noted"
    ],
    "F16 a file replaced while in use": [
        "ensemble/test_faults_f.py::test_f16_a_file_that_is_replaced_after_the_look_is_not_used"
    ],
    "G1 a loss that is no number": [
        "ensemble/test_recovery.py::test_g1_a_loss_that_is_no_number_goes_back_at_half_the_learning_rate",
        "ensemble/test_recovery.py"
        "::test_g1_after_three_times_it_stops_names_the_images_and_keeps_the_best_weights",
        "ensemble/test_recovery.py::test_g1_a_run_that_went_back_is_resumed_to_the_bit",
    ],
    "G2 out of memory": [
        "ensemble/test_recovery.py::test_g2_too_little_memory_halves_the_batch_and_says_so",
        "ensemble/test_recovery.py::test_g2_memory_for_no_tile_at_all_is_refused_with_need_and_have",
        "ensemble/test_recovery.py::test_g2_too_little_memory_to_validate_takes_fewer_tiles_at_once",
    ],
    "G3 one image": [
        "ensemble/test_groups.py::test_g3_a_single_image_is_trained_on_in_blocks_that_share_no_pixel",
        "data/test_blocks.py::test_g3_an_image_too_small_to_be_cut_is_refused",
    ],
    "G4 fewer images than folds": ["data/test_folds.py::test_fewer_images_than_folds_make_fewer_folds"],
    "G5 groups": [
        "data/test_folds.py::test_groups_never_leak",
        "data/test_groups.py::test_g5_names_that_suggest_groups_are_noted",
    ],
    "G6 images smaller than a tile": [
        "ensemble/test_train.py::test_images_smaller_than_a_tile_and_an_empty_mask_are_fine"
    ],
    "G7 no foreground": ["ensemble/test_member.py::test_a_fold_without_foreground_is_defined"],
    "G8 kill -9, power loss": [
        "ensemble/test_resume.py::test_a_killed_training_is_resumed_to_the_bit",
        "ensemble/test_disk.py::test_g8_after_a_power_loss_the_checkpoint_before_takes_over_to_the_bit",
    ],
    "G9 signals": [
        "test_cli_signals.py::test_g9_a_training_that_is_told_to_end_saves_and_exits_with_130",
        "test_cli_signals.py::test_a_second_signal_ends_the_process_at_once",
    ],
    "G10 a full disk": [
        "ensemble/test_disk.py"
        "::test_g10_a_disk_that_is_really_full_keeps_the_last_checkpoint_and_the_run_goes_on_with_room",
        "ensemble/test_train.py::test_too_little_room_on_the_disk_is_said_before_anything_runs",
    ],
    "G11 a read-only or vanished folder": [
        "ensemble/test_disk.py::test_g11_a_disk_that_is_read_only_is_said_before_anything_runs",
        "ensemble/test_disk.py::test_g11_a_disk_that_becomes_read_only_is_said",
        "ensemble/test_disk.py::test_g11_a_folder_that_vanishes_is_said_and_not_made_again",
    ],
    "G12 locks of Windows": [
        "test_files.py::test_g12_a_file_that_is_held_for_a_moment_is_waited_for",
        "test_files.py::test_g12_a_file_that_stays_held_is_refused_by_name_and_left_as_it_was",
    ],
    "G13 loader processes that die or hang": ["test_fault_cases.py::test_g13_there_are_no_loader_processes"],
    "G14 resumed with changed data, settings, versions, threads": [
        "ensemble/test_resume.py::test_changed_data_and_settings_are_refused_with_all_differences",
        "ensemble/test_resume.py::test_another_machine_or_version_is_noted",
        "ensemble/test_resume.py::test_g14_a_run_is_resumed_with_the_threads_it_began_with",
    ],
    "G15 resuming a finished, foreign or newer run, twice": [
        "ensemble/test_resume.py::test_resuming_a_finished_run_changes_nothing",
        "ensemble/test_resume.py::test_g15_a_run_of_a_newer_version_is_not_resumed",
        "ensemble/test_member.py::test_g15_a_checkpoint_of_another_version_is_refused",
        "ensemble/test_run.py::test_of_several_that_race_for_a_folder_one_wins",
    ],
    "G16 clocks": ["ensemble/test_run.py::test_g16_a_clock_that_is_put_forward_makes_no_run_look_dead"],
    "G17 a graphics card that fails": [
        "ensemble/test_recovery.py::test_g17_a_graphics_card_that_fails_is_said_and_the_run_can_be_resumed"
    ],
    "G18 seeds out of range": [
        "ensemble/test_train.py::test_settings_out_of_range_are_refused",
        "ensemble/test_train.py::test_seed_zero_is_a_seed",
    ],
    "G19 settings out of range": [
        "ensemble/test_train.py::test_settings_out_of_range_are_refused",
        "ensemble/test_train.py::test_a_batch_larger_than_the_set_is_fine",
    ],
    "G20 no folder for temporary files": [
        "ensemble/test_disk.py::test_g20_no_folder_for_temporary_files_is_needed"
    ],
    "H1 an image larger than memory": [
        "jobs/test_predict_large.py::test_h1_a_large_tiff_is_predicted_in_blocks",
        "jobs/test_predict_large.py::test_an_ome_zarr_is_predicted_as_if_it_were_whole",
    ],
    "H2 other channels": [
        "jobs/test_faults_h.py::test_h2_other_channels_are_named_before_any_image_is_predicted",
        "jobs/test_predict_large.py::test_h2_other_channels_are_refused_before_anything_is_read",
    ],
    "H3 another pixel size": [
        "ensemble/test_pixel_size.py::test_h3_another_magnification_than_in_training_is_noted",
        "ensemble/test_pixel_size.py::test_a_prediction_comes_back_on_the_grid_of_the_image",
        "jobs/test_faults_h.py::test_h3_another_magnification_is_told_in_tables_and_report",
    ],
    "H4 another bit depth, another stain": [
        "jobs/test_faults_h.py::test_h4_another_bit_depth_and_another_stain_are_flagged"
    ],
    "H5 an empty prediction": [
        "prediction/test_result.py::test_h5_an_empty_prediction_is_defined_and_said",
        "jobs/test_targets.py::test_h5_an_empty_prediction_has_scores",
        "jobs/test_faults_h.py::test_h5_empty_predictions_have_figures_and_are_told",
    ],
    "H6 very many files, some of them bad": [
        "jobs/test_predict.py::test_h6_a_bad_image_does_not_keep_the_others_from_being_predicted",
        "jobs/test_predict.py::test_h6_a_second_run_makes_only_what_is_missing",
        "jobs/test_faults_h.py::test_h6_of_very_many_files_those_that_are_bad_keep_no_other_from_its_results",
        "jobs/test_inputs.py::test_h6_what_is_missing_of_a_list_is_named_and_the_others_are_found",
        "test_cli.py::test_h6_some_refused_images_are_told_and_have_an_exit_status_of_their_own",
    ],
    "H7 an interrupted prediction": [
        "jobs/test_faults_h.py::test_h7_a_folder_that_is_killed_at_any_moment_has_whole_files_and_goes_on",
        "jobs/test_predict.py::test_h7_an_interrupted_run_goes_on_where_it_stopped",
        "jobs/test_predict_large.py::test_h7_a_run_that_is_killed_at_any_moment_ends_as_if_it_had_not_been",
    ],
    "H8 results that are there already": [
        "jobs/test_predict.py::test_h8_what_is_there_is_kept_only_where_nothing_has_changed",
        "jobs/test_predict.py::test_h8_results_of_other_settings_or_models_are_not_overwritten",
        "jobs/test_predict_large.py"
        "::test_h8_what_is_there_already_is_neither_made_again_nor_overwritten_with_other_settings",
    ],
    "H9 the scale of uncertainty": [
        "prediction/test_result.py::test_h9_uncertainty_and_score_have_the_same_scale_for_every_image",
        "jobs/test_report.py::test_h9_uncertainty_has_the_same_colours_in_every_picture",
    ],
    "H10 seams, borders, odd sizes, order of tiles, batch size": [
        "prediction/test_engine.py::test_h10_tiles_and_their_order_do_not_show",
        "prediction/test_engine.py::test_an_identity_network_gives_the_image_back",
        "prediction/test_engine.py::test_the_result_does_not_depend_on_the_batch_size",
        "prediction/test_blocks.py::test_seams_of_a_real_network_cannot_be_seen",
    ],
    "H11 a member that gives no numbers": [
        "prediction/test_engine.py::test_h11_a_member_that_gives_no_numbers_is_named"
    ],
    "H12 predicting training images": [
        "ensemble/test_loading.py::test_training_images_and_other_intensities_are_noted",
        "jobs/test_faults_h.py::test_h12_images_of_the_training_are_told_in_tables_and_report",
    ],
}


def test_every_case_has_a_number_of_its_own() -> None:
    assert [name.split()[0] for name in CASES] == [
        *(f"E{number}" for number in range(1, 17)),
        *(f"F{number}" for number in range(1, 17)),
        *(f"G{number}" for number in range(1, 21)),
        *(f"H{number}" for number in range(1, 13)),
    ]


@pytest.mark.parametrize("case", CASES)
def test_the_tests_of_a_case_are_there(case: str) -> None:
    for test in CASES[case]:
        file, name = test.split("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_g13_there_are_no_loader_processes() -> None:
    sources = (TESTS.parent / "src").rglob("*.py")
    assert [path.name for path in sources if "DataLoader(" in path.read_text(encoding="utf-8")] == []
