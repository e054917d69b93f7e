// Squirrel.Windows as an app uses it, under Mono: its own UpdateManager from the Update.exe that apps ship. The class is
// internal there, so this program finds it by name.
//
// mono driver.exe UPDATE.EXE URL PACKAGE FOLDER full|delta check|download → one line of JSON.

using System;
using System.Collections;
using System.Linq;
using System.Net;
using System.Reflection;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Threading.Tasks;

[DataContract]
class Said
{
    [DataMember] public string error;
    [DataMember] public string version;
    [DataMember] public string[] packages;
}

static class Driver
{
    static void Main(string[] asked)
    {
        // Mono has a list of authorities of its own. The certificate is not part of this test.
        ServicePointManager.ServerCertificateValidationCallback = (sender, certificate, chain, errors) => true;
        Said said;
        try
        {
            said = Update(asked[0], asked[1], asked[2], asked[3], asked[4] == "full", asked[5] == "download");
        }
        catch (AggregateException failed)
        {
            said = new Said { error = failed.Flatten().InnerException.Message };
        }
        new DataContractJsonSerializer(typeof(Said)).WriteObject(Console.OpenStandardOutput(), said);
    }

    static Said Update(string program, string url, string package, string folder, bool isFull, bool isDownload)
    {
        var type = Assembly.LoadFrom(program).GetType("Squirrel.UpdateManager", true);
        using (var manager = (IDisposable)Activator.CreateInstance(type, url, package, folder, null))
        {
            var intention = Enum.Parse(type.Assembly.GetType("Squirrel.UpdaterIntention", true), "Update");
            var info = Result(type.GetMethod("CheckForUpdate").Invoke(manager, new[] { isFull, null, intention }));
            var releases = (IEnumerable)Get(info, "ReleasesToApply");
            if (isDownload)
            {
                ((Task)type.GetMethod("DownloadReleases").Invoke(manager, new[] { releases, null })).Wait();
            }
            var packages = releases.Cast<object>().ToArray();
            return new Said
            {
                version = packages.Length == 0 ? null : Get(packages.Last(), "Version").ToString(),
                packages = packages.Select(found => (string)Get(found, "Filename")).ToArray(),
            };
        }
    }

    static object Result(object task)
    {
        ((Task)task).Wait();
        return Get(task, "Result");
    }

    static object Get(object of, string name)
    {
        return of.GetType().GetProperty(name).GetValue(of);
    }
}
