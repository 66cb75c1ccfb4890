/* All scripts of a page: sent as one file (voip_crm/bundles.py), in the order in which they are to run. */
import "./app.js";
import "./history.js";
import "./dock.js";
import "./combobox.js";
import "./in-call.js";
import "./phone-page.js";
import "./ready.js";
import "./help.js";
import "./news.js";
import "./live.js";
import "./days.js";
