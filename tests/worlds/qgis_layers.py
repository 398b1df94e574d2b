"""Layers drawn by QGIS without a screen, for the Python of the system, which alone can import it.

    QT_QPA_PLATFORM=offscreen /usr/bin/python3 qgis_layers.py REQUEST.json

REQUEST.json is a list of objects: `uri`, `provider` (gdal or wms), `crs`, `extent` [left, bottom, right, top], `size`
[width, height] and `out`, the PNG to write; with `login` [user, password], which QGIS keeps as an authentication
configuration, "AUTHCFG" in the uri becomes its id. Prints a list of objects: `valid`, and `errors`, what was said.
"""

import json
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsAuthMethodConfig,
    QgsCoordinateReferenceSystem,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def draw(request):
    uri = request["uri"]
    if "login" in request:
        uri = uri.replace("AUTHCFG", kept_login(*request["login"]))
    layer = QgsRasterLayer(uri, "layer", request["provider"])
    if not layer.isValid():
        return {"valid": False, "errors": [layer.error().message()]}
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(request["crs"]))
    settings.setExtent(QgsRectangle(*request["extent"]))
    settings.setOutputSize(QSize(*request["size"]))
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    settings.setFlag(QgsMapSettings.Antialiasing, False)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(request["out"], "PNG")
    said = [error.message for error in job.errors()]
    return {"valid": True, "errors": said, "classes": names_of(layer)}


def kept_login(user, password):
    """The id of a new authentication configuration of the kind Basic."""
    manager = QgsApplication.authManager()
    manager.setMasterPassword("of a test", True)
    config = QgsAuthMethodConfig("Basic")
    config.setName(user)
    config.setConfigMap({"username": user, "password": password})
    manager.storeAuthenticationConfig(config)
    return config.id()


def names_of(layer):
    """Values and names of a paletted layer."""
    renderer = layer.renderer()
    if renderer is None or renderer.type() != "paletted":
        return None
    return [[entry.value, entry.label] for entry in renderer.classes()]


if __name__ == "__main__":
    app = QgsApplication([], False)
    said = []
    app.messageLog().messageReceived.connect(lambda text, tag, level: said.append([tag, int(level), text]))
    app.initQgis()
    requests = json.loads(Path(sys.argv[1]).read_text())
    answers = [draw(request) for request in requests]
    sys.stdout.write(json.dumps({"layers": answers, "log": said}) + "\n")
    app.exitQgis()
