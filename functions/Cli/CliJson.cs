using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Backup.Cli.Verbs;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Operations.Watching;
