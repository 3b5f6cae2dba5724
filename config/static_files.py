"""Where production serves static files from."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Files named by their content, also where one JavaScript module imports another.

    Browsers keep such files for ever, so a module imported by its plain name would stay the old one
    after an upgrade.
    """

    support_js_module_import_aggregation = True
    # A pass carries a changed name one import further; the longest way is some ten imports.
    max_post_process_passes = 20
