"""Save a picture of a prediction's report, as a browser shows it, and a PDF, as it prints it.

pip install PyQt6-WebEngine
xvfb-run -a -s "-screen 0 1300x4000x24" python scripts/screenshot_report.py REPORT.html OUT.png [--dark]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

SIZE = (1250, 3800)
# Until pictures are painted, and until the PDF is written.
PAUSE_MS = 3000


def main() -> None:
    """Parse, load, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    dark = " --blink-settings=preferredColorScheme=0" if options.dark else ""
    os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = f"--no-sandbox --disable-gpu{dark}"
    show(options.report, options.out)


def show(report: Path, out: Path) -> None:
    """Open the report in a window, save what is seen, and print it."""
    from PyQt6.QtCore import QTimer, QUrl
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication

    application = QApplication(["report"])
    view = QWebEngineView()
    view.resize(*SIZE)

    def save() -> None:
        view.grab().save(str(out))
        view.page().printToPdf(str(out.with_suffix(".pdf")))
        QTimer.singleShot(PAUSE_MS, application.quit)

    view.loadFinished.connect(lambda: QTimer.singleShot(PAUSE_MS, save))
    view.load(QUrl.fromLocalFile(str(report.resolve())))
    view.show()
    application.exec()


if __name__ == "__main__":
    main()
